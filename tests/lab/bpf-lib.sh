# SPDX-License-Identifier: GPL-2.0
# Counting by BPF. Sourced by the scripts that do.

# count_by_bpf FILE [ARGUMENT...]: begins to record by BPF; returns once exits are counted. Its process: $recorder.
count_by_bpf() {
	count_file=$1
	shift
	rm -f $count_file
	exitstat record --source bpf -i 0.2 -o $count_file "$@" &
	recorder=$!
	# The first snapshot is taken after the programs are attached.
	until [ -s $count_file ]; do
		kill -0 $recorder || return
		sleep 0.01
	done
}

# end_count FILE: ends the recording that was begun last.
end_count() {
	kill -INT $recorder
	wait $recorder
}

# compare NAME [VCPUS] <JSON: has the lab compare what exitstat counted with the oracle's histogram, reason by reason.
# VCPUS, none if not given, are in the host's counts only.
compare() {
	report "bpf $1 exits"
	echo ${2:-0} | report "bpf $1 unattached"
	cat /sys/kernel/tracing/events/kvm/kvm_exit/hist | report "bpf $1 hist"
}

# agrees FILE NAME [VCPUS]: the same of a recording.
agrees() {
	exitstat report $1 --format json | compare "$2" $3
}

# No programs of ours are left; the kernel frees them a moment after their process has gone.
no_programs() {
	tries=0
	while grep '_kvm_exit.*\[bpf\]' /proc/kallsyms; do
		tries=$((tries + 1))
		[ $tries -lt 1000 ] || return
		sleep 0.01
	done
}
