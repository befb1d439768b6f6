# What an exit costs, by who watches. Each row is measured by the same guests: a known number of exits of a
# kind, the clock read before and after each, in several rounds.
rounds=${ROUNDS:-9}

# measure ROW HOW [COMMAND...]: the guests, run by COMMAND, if one is given; HOW is what a reader could type.
measure() {
	row=$1
	echo "$2" | report "how $row"
	shift 2
	echo "$row"
	# By their whole name: bpftrace looks for none.
	for program in cpuid hlt wrmsr pio ept; do
		count=1000
		[ $program != ept ] || count=256
		"$@" /usr/bin/bare $program --count $count --rounds $rounds --blind >/tmp/measured 2>/tmp/errors ||
			cat /tmp/errors
		report "measured $program $row" </tmp/measured
	done
}

# another_kvm NAME: kvm and kvm_intel that the lab put beside ours.
another_kvm() {
	modprobe irqbypass
	insmod /lab/$1/kvm.ko
	insmod /lab/$1/kvm-intel.ko
}

# saw ROW NUMBER: it watched at all: there were more than 4,000 exits in each round.
saw() {
	check "$1 saw the exits" test "$2" -gt $((4000 * rounds))
}

modprobe kvm_intel
rmmod kvm_exitstat
measure patched "kvm and kvm_intel with the patches, kvm_exitstat not loaded"
modprobe kvm_exitstat
measure exitstat "modprobe kvm_exitstat"
saw exitstat "$(awk '$1 == "retired" { print $2 }' /sys/kernel/debug/kvm_exitstat/vcpus)"
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
# The buffer keeps the last ones only.
saw tracepoints "$(awk '/^(entries|overrun):/ { n += $2 } END { print n }' per_cpu/cpu0/stats)"
echo >trace

echo 'hist:keys=exit_reason' >$TRIGGER
measure hist "echo 'hist:keys=exit_reason' >events/kvm/kvm_exit/trigger"
saw hist "$(awk '/Hits:/ { print $2 }' events/kvm/kvm_exit/hist)"
echo '!hist:keys=exit_reason' >$TRIGGER

perf_kvm_stat() {
	perf kvm stat record -a -o /tmp/perf.data -- "$@"
}
measure perf "perf kvm stat record -a" perf_kvm_stat
perf kvm -i /tmp/perf.data stat report >/tmp/perf.out 2>&1
check "perf saw the exits" grep 'EPT_VIOLATION  *[1-9]' /tmp/perf.out
rm /tmp/perf.data

# This kernel has no BTF, which has these; and bpftrace always wants the header of that name.
mkdir -p /usr/include/linux
cat >/usr/include/linux/types.h <<'EOF'
typedef unsigned char u8, __u8;
typedef unsigned short u16, __u16;
typedef unsigned int u32, __u32;
typedef unsigned long long u64, __u64;
EOF
under_bpftrace() {
	bpftrace --include linux/types.h -o /tmp/bpftrace.out -e "$bpftrace" -c "$*"
}
bpftrace='tracepoint:kvm:kvm_exit { @exits[args->exit_reason] = count(); }'
measure bpftrace_count "bpftrace -e '$bpftrace'" under_bpftrace
check "bpftrace_count saw the exits" grep '^@exits\[48\]: [0-9]\{3\}' /tmp/bpftrace.out
bpftrace='tracepoint:kvm:kvm_exit { @at[tid] = nsecs; @why[tid] = args->exit_reason; }
tracepoint:kvm:kvm_entry /@at[tid]/ { @exits[@why[tid]] = count(); @ns[@why[tid]] = sum(nsecs - @at[tid]); delete(@at[tid]); }'
measure bpftrace_time "bpftrace -e '$bpftrace'" under_bpftrace
check "bpftrace_time saw the exits" grep '^@ns\[48\]' /tmp/bpftrace.out
