# SPDX-License-Identifier: GPL-2.0
# Functions that show counters and memory to L1 scripts, which source them.
vcpus=/sys/kernel/debug/kvm_exitstat/vcpus

# Prints the number of vCPUs that have data.
attached() {
	awk '$1 != "retired" { n++ } END { print n + 0 }' $vcpus
}

# Prints their exits.
exits() {
	awk '$1 != "retired" { n += $4 } END { print n + 0 }' $vcpus
}

# Waits between two polls: leaves the CPU to the processes that cause the awaited event, including low-priority
# guests.
moment() {
	sleep 0.01
}

# Waits until no vCPU is attached. A VM's memory can outlive its process briefly.
wait_for_none() {
	tries=0
	until [ "$(attached)" = 0 ]; do
		tries=$((tries + 1))
		if [ $tries = 1000 ]; then
			cat $vcpus
			return 1
		fi
		moment
	done
}

# stop PID...: stops processes, and waits until all their threads have stopped.
stop() {
	kill -STOP "$@"
	for stop_pid; do
		while grep -h '^State:' /proc/$stop_pid/task/*/status | grep -qv 'T (stopped)'; do :; done
	done
}

# A memory cgroup for the script and all processes that it starts. Only there does the kernel count whole pages,
# which per-vCPU data consist of.
cgroup=/sys/fs/cgroup/counts
if [ ! -e $cgroup ]; then
	[ -e /sys/fs/cgroup/cgroup.procs ] || mount -t cgroup2 cgroup /sys/fs/cgroup
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control
	mkdir $cgroup
fi
# $$ would be the shell around the script's.
sh -c 'echo $PPID' >$cgroup/cgroup.procs

# Prints the kernel memory that per-vCPU data and others are allocated from: pages, slab, vmalloc. KASAN delays
# freeing, so there is nothing to compare.
kernel_kib() {
	if [ -e /sys/kernel/debug/kmemleak ]; then
		echo 0
		return
	fi
	for slab_cache in /sys/kernel/slab/*/shrink; do
		echo 1 >$slab_cache
	done
	awk '/^(SUnreclaim|VmallocUsed):/ { n += $2 }
		$1 == "kernel" { n += $2 / 1024 }
		/^(slab|vmalloc|pagetables|kernel_stack) / { n -= $2 / 1024 }
		END { printf "%d\n", n }' /proc/meminfo $cgroup/memory.stat
}

percpu_kib() {
	awk '/^Percpu:/ { print $2 }' /proc/meminfo
}

# This allocator may keep up to four empty pages per CPU (PCPU_EMPTY_POP_PAGES_HIGH).
percpu_slack=$((16 * $(nproc)))

# same BEFORE AFTER SLACK: for `check`.
same() {
	echo "$1 before, $2 after"
	[ "$2" -le $(($1 + $3)) ]
}
