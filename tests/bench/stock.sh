# Cost of an exit per observer, on a packaged Debian kernel; runs after measure.sh.
modules=/lib/modules/$(uname -r)/kernel
insmod $modules/virt/lib/irqbypass.ko
insmod $modules/arch/x86/kvm/kvm.ko
insmod $modules/arch/x86/kvm/kvm-intel.ko
measure unpatched "kvm and kvm_intel as Debian packages them"
hist_trigger

. /lab/bpf-lib.sh
# by_bpf ROW [ARGUMENT...]: measures a row with exitstat's BPF programs.
by_bpf() {
	by=$1
	shift
	count_by_bpf /tmp/bench.rec "$@"
	measure $by "exitstat record --source bpf $*"
	end_count
	saw $by "$(exitstat report /tmp/bench.rec --format csv | awk -F, '$8 == "total" { print $9 }')"
}
by_bpf bpf_counts --counts
by_bpf bpf
by_bpf bpf_off_cpu --off-cpu

bpftrace=$bpftrace_time
measure kvmexits "bpftrace -e '$bpftrace'" under_bpftrace
check "kvmexits saw the exits" grep '^@ns\[48\]' /tmp/bpftrace.out

rmmod kvm_intel kvm
modprobe kvm_intel
modprobe kvm_exitstat
measure exitstat "exitstat enable"
saw exitstat "$(awk '$1 == "retired" { print $2 }' /sys/kernel/debug/kvm_exitstat/vcpus)"
