# SPDX-License-Identifier: GPL-2.0
# Measurement of a row: the same guests each take a known number of exits of a kind, and read the clock before
# and after each, in several rounds. Runs before the scripts that measure.
rounds=${ROUNDS:-9}

# measure ROW HOW [COMMAND...]: measures the guests, run by COMMAND if given. HOW is the command line for the
# reader.
measure() {
	row=$1
	echo "$2" | report "how $row"
	shift 2
	echo "$row"
	# Use the full path: bpftrace does not search for it.
	for program in cpuid hlt wrmsr pio ept; do
		count=1000
		[ $program != ept ] || count=256
		"$@" /usr/bin/bare $program --count $count --rounds $rounds --blind >/tmp/measured 2>/tmp/errors ||
			cat /tmp/errors
		report "measured $program $row" </tmp/measured
	done
}

# saw ROW NUMBER: checks that the observer worked: each round had more than 4,000 exits.
saw() {
	check "$1 saw the exits" test "$2" -gt $((4000 * rounds))
}

# hist_trigger: measures a row with ftrace's hist trigger.
hist_trigger() {
	echo 'hist:keys=exit_reason' >$TRIGGER
	measure hist "echo 'hist:keys=exit_reason' >events/kvm/kvm_exit/trigger"
	saw hist "$(awk '/Hits:/ { print $2 }' /sys/kernel/tracing/events/kvm/kvm_exit/hist)"
	echo '!hist:keys=exit_reason' >$TRIGGER
}

# under_bpftrace COMMAND...: runs a command while bpftrace runs the program $bpftrace. It always needs the
# header of that name.
under_bpftrace() {
	if [ ! -e /usr/include/linux/types.h ]; then
		mkdir -p /usr/include/linux
		for types in "char u8" "short u16" "int u32" "long long u64"; do
			echo "typedef unsigned ${types% *} ${types##* }, __${types##* };"
		done >/usr/include/linux/types.h
		echo "typedef _Bool bool;" >>/usr/include/linux/types.h
	fi
	bpftrace --include linux/types.h -o /tmp/bpftrace.out -e "$bpftrace" -c "$*"
}
bpftrace_count='tracepoint:kvm:kvm_exit { @exits[args->exit_reason] = count(); }'
bpftrace_keys='tracepoint:kvm:kvm_msr { @msr[args->ecx] = count(); } tracepoint:kvm:kvm_cpuid { @leaf[args->function] = count(); }
tracepoint:kvm:kvm_pio { @port[args->port] = count(); } tracepoint:kvm:kvm_mmio { @mmio[args->gpa] = count(); }
tracepoint:kvm:kvm_page_fault { @page[args->fault_address] = count(); }'
bpftrace_time='tracepoint:kvm:kvm_exit { @at[tid] = nsecs; @why[tid] = args->exit_reason; }
tracepoint:kvm:kvm_entry /@at[tid]/ { @exits[@why[tid]] = count(); @ns[@why[tid]] = sum(nsecs - @at[tid]); delete(@at[tid]); }'

