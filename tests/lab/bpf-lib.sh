# SPDX-License-Identifier: GPL-2.0
# Functions for counting by BPF, for scripts to source.

# count_by_bpf FILE [ARGUMENT...]: starts recording by BPF, and returns when exits are counted. Its process is
# $recorder.
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

# end_count FILE: ends the most recent recording.
end_count() {
	kill -INT $recorder
	wait $recorder
}

# compare NAME [VCPUS] <JSON: makes the lab compare exitstat's counts with the oracle's histogram, reason by
# reason. VCPUS (default: 0) are included only in the host's counts.
compare() {
	report "bpf $1 exits"
	echo ${2:-0} | report "bpf $1 unattached"
	cat /sys/kernel/tracing/events/kvm/kvm_exit/hist | report "bpf $1 hist"
}

# agrees FILE NAME [VCPUS]: the same for a recording.
agrees() {
	exitstat report $1 --format json | compare "$2" $3
}

# Checks that no programs of exitstat are left. The kernel frees them shortly after their process has ended.
no_programs() {
	tries=0
	while grep '_kvm_exit.*\[bpf\]' /proc/kallsyms; do
		tries=$((tries + 1))
		[ $tries -lt 1000 ] || return
		sleep 0.01
	done
}
