# SPDX-License-Identifier: GPL-2.0
# What L1 scripts look at to see what there is and what is left. Sourced by those that want it.
vcpus=/sys/kernel/debug/kvm_exitstat/vcpus

# vCPUs that have data now.
attached() {
	awk '$1 != "retired" { n++ } END { print n + 0 }' $vcpus
}

# Exits of these.
exits() {
	awk '$1 != "retired" { n += $4 } END { print n + 0 }' $vcpus
}

# Between two looks at what is waited for: leaves the CPU to those who bring it about, guests that are
# nice among them.
moment() {
	sleep 0.01
}

# Waits until no vCPU is attached; memory of a VM can outlive its process for a moment.
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

# stop PID...: stops processes, and waits until all their threads stand still.
stop() {
	kill -STOP "$@"
	for stop_pid; do
		while grep -h '^State:' /proc/$stop_pid/task/*/status | grep -qv 'T (stopped)'; do :; done
	done
}

# A memory cgroup for the script and all that it starts: the kernel counts whole pages, of which
# per-vCPU data are, nowhere else.
cgroup=/sys/fs/cgroup/counts
if [ ! -e $cgroup ]; then
	[ -e /sys/fs/cgroup/cgroup.procs ] || mount -t cgroup2 cgroup /sys/fs/cgroup
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control
	mkdir $cgroup
fi
# Not $$, which is the shell around the script's.
sh -c 'echo $PPID' >$cgroup/cgroup.procs

# What per-vCPU data and other kernel memory come from: pages, slab, vmalloc. KASAN keeps back what is
# freed: nothing to compare.
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

# The allocator of these keeps up to four empty pages for each CPU (PCPU_EMPTY_POP_PAGES_HIGH), or not.
percpu_slack=$((16 * $(nproc)))

# same BEFORE AFTER SLACK: for `check`.
same() {
	echo "$1 before, $2 after"
	[ "$2" -le $(($1 + $3)) ]
}
