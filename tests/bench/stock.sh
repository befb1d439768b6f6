# What an exit costs, by who watches, on a kernel as Debian packages it; after measure.sh.
modules=/lib/modules/$(uname -r)/kernel
insmod $modules/virt/lib/irqbypass.ko
insmod $modules/arch/x86/kvm/kvm.ko
insmod $modules/arch/x86/kvm/kvm-intel.ko
measure unpatched "kvm and kvm_intel as Debian packages them"
hist_trigger

. /lab/bpf-lib.sh
# by_bpf ROW [ARGUMENT...]: a row of exitstat's BPF programs.
by_bpf() {
	by=$1
	shift
	count_by_bpf /tmp/bench.rec "$@"
	measure $by "exitstat record --source bpf $*"
	end_count
	saw $by "$(exitstat report /tmp/bench.rec -o csv | awk -F, '$8 == "total" { print $9 }')"
}
by_bpf bpf_counts --counts
by_bpf bpf
by_bpf bpf_off_cpu --off-cpu

bpftrace=$bpftrace_time
measure kvmexits "bpftrace -e '$bpftrace'" under_bpftrace
check "kvmexits saw the exits" grep '^@ns\[48\]' /tmp/bpftrace.out

# bcc's, in a root of its own. It compiles its programs here, which takes minutes.
mkdir /bcc
tar -x -z -f /lab/bcc.tar.gz -C /bcc
for directory in proc sys dev; do
	mount --rbind /$directory /bcc/$directory
done
# A shell's background jobs ignore Ctrl-C, and Python leaves it so.
chroot /bcc /usr/bin/python3 -u -c '
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_path("/usr/sbin/kvmexit-bpfcc", run_name="__main__")' >/tmp/kvmexit.out 2>&1 &
kvmexit=$!
until grep -q 'Hit Ctrl-C' /tmp/kvmexit.out; do
	kill -0 $kvmexit || break
	sleep 0.1
done
measure kvmexit "kvmexit-bpfcc"
kill -INT $kvmexit
wait $kvmexit
check "kvmexit saw the exits" sh -c "
	head -n 20 /tmp/kvmexit.out
	awk '\$3 ~ /CPUID/ { n += \$4 } END { print n, \"CPUID\"; exit n < 900 * $rounds }' /tmp/kvmexit.out"

rmmod kvm_intel kvm
modprobe kvm_intel
modprobe kvm_exitstat
measure exitstat "exitstat enable"
saw exitstat "$(awk '$1 == "retired" { print $2 }' /sys/kernel/debug/kvm_exitstat/vcpus)"
