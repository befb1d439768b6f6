# Cost of an exit per observer, with the lab's own kernel; runs after measure.sh.

# another_kvm NAME: loads the other kvm and kvm_intel that the lab put into /lab/NAME.
another_kvm() {
	modprobe irqbypass
	insmod /lab/$1/kvm.ko
	insmod /lab/$1/kvm-intel.ko
}

modprobe kvm_intel
rmmod kvm_exitstat
measure patched "kvm and kvm_intel with the patches, kvm_exitstat not loaded"
modprobe kvm_exitstat
measure exitstat "modprobe kvm_exitstat"
saw exitstat "$(awk '$1 == "retired" { print $2 }' /sys/kernel/debug/kvm_exitstat/vcpus)"
# detail ROW WHAT: measures a row with details.
detail() {
	echo $2 >/sys/module/kvm_exitstat/parameters/detail
	measure $1 "echo $2 >/sys/module/kvm_exitstat/parameters/detail"
	saw $1 "$(awk '$1 == "retired" { n += $8 } END { print n }' /sys/kernel/debug/kvm_exitstat/details)"
}
detail exitstat_detail key
detail exitstat_detail_ip ip
rmmod kvm_exitstat kvm_intel kvm

another_kvm shared-atomics
measure shared_atomics "kvm_intel with tests/bench/shared-atomics.patch"
rmmod kvm_intel kvm
# All but those of the fastpath.
check "shared_atomics saw the exits" sh -c "dmesg | grep 'shared atomics: [0-9]\{5,\} exits'"

another_kvm unpatched
measure unpatched "kvm and kvm_intel as Linux has them"

cd /sys/kernel/tracing
echo 1 >events/kvm/kvm_exit/enable
echo 1 >events/kvm/kvm_entry/enable
measure tracepoints "echo 1 >events/kvm/kvm_exit/enable; echo 1 >events/kvm/kvm_entry/enable"
echo 0 >events/kvm/kvm_exit/enable
echo 0 >events/kvm/kvm_entry/enable
# The buffer keeps only the last events.
saw tracepoints "$(awk '/^(entries|overrun):/ { n += $2 } END { print n }' per_cpu/cpu0/stats)"
echo >trace

hist_trigger

perf_kvm_stat() {
	perf kvm stat record -a -o /tmp/perf.data -- "$@"
}
measure perf "perf kvm stat record -a" perf_kvm_stat
perf kvm -i /tmp/perf.data stat report >/tmp/perf.out 2>&1
check "perf saw the exits" grep 'EPT_VIOLATION  *[1-9]' /tmp/perf.out
rm /tmp/perf.data

# This kernel has no BTF, which would define the types.
bpftrace=$bpftrace_count
measure bpftrace_count "bpftrace -e '$bpftrace'" under_bpftrace
check "bpftrace_count saw the exits" grep '^@exits\[48\]: [0-9]\{3\}' /tmp/bpftrace.out
bpftrace=$bpftrace_keys
measure bpftrace_keys "bpftrace -e '$bpftrace'" under_bpftrace
# The first page that the last guest touched.
check "bpftrace_keys saw the exits" grep '^@page\[4194304\]: [1-9]' /tmp/bpftrace.out
bpftrace=$bpftrace_time
measure bpftrace_time "bpftrace -e '$bpftrace'" under_bpftrace
check "bpftrace_time saw the exits" grep '^@ns\[48\]' /tmp/bpftrace.out
