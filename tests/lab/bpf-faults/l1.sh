# Counting by BPF when something goes wrong: nothing is lost and nothing is left behind.
. /lab/bpf-lib.sh

# Where no method can count, each one's requirements are printed.
exitstat >/tmp/out 2>&1
check "without KVM, nobody can count: exit status" [ $? = 3 ]
check "and it is said what is missing" sh -c '
	cat /tmp/out
	grep "MISSING  kvm_intel or kvm_amd loaded: .modprobe" /tmp/out && grep "^The module cannot count either: " /tmp/out'
sysctl -q net.core.bpf_jit_enable=0
modprobe $VENDOR
exitstat >/tmp/out 2>&1
check "without a JIT compiler, BPF cannot count: exit status" [ $? = 3 ]
check "and that is said" sh -c 'cat /tmp/out; grep "MISSING  the BPF JIT compiler" /tmp/out'
sysctl -q net.core.bpf_jit_enable=1

# An unprivileged user.
cat >/tmp/as-nobody <<'END'
caps=$1
shift
exec setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=$caps --inh-caps=$caps --ambient-caps=$caps "$@"
END
case $(uname -r) in
6.1.*)
	check "where perf is for root only, it is said" sh -c '
		sh /tmp/as-nobody -all,+bpf,+perfmon exitstat 0.1 1 2>&1 | tee /dev/stderr |
			grep "sysctl kernel.perf_event_paranoid=2"'
	sysctl -q kernel.perf_event_paranoid=2
	;;
esac
# Mounted like systemd does: other users cannot see into it.
mount -t bpf -o mode=700 bpf /sys/fs/bpf
check "CAP_BPF and CAP_PERFMON are enough" sh /tmp/as-nobody -all,+bpf,+perfmon exitstat 0.1 1
check "without them it is said" sh -c '
	sh /tmp/as-nobody -all exitstat 0.1 1 2>&1 | tee /dev/stderr | grep "MISSING  root, or CAP_BPF"'

# Two counting processes do not disturb each other. One of them is killed.
count_by_bpf /tmp/other.rec
other=$recorder
count_by_bpf /tmp/one.rec
oracle_arm
l2 -n 2 -s work.sh
check "a guest that two count ends well" ended_well $?
end_count
agrees /tmp/one.rec "while another counts"
kill -KILL $other
wait $other
exitstat report /tmp/other.rec --format json 2>/dev/null | report "bpf until it is killed exits"
oracle_disarm
check "of one that is killed, nothing is left" no_programs

# More vCPUs than the maps have room for.
count_by_bpf /tmp/room.rec --max-vcpus 1
oracle_arm
l2 -n 2 -s work.sh
check "a guest with a vCPU that there is no room for ends well" ended_well $?
end_count
agrees /tmp/room.rec "no room for a vCPU" 1
oracle_disarm

# KVM's module is reloaded during counting.
count_by_bpf /tmp/again.rec
oracle_arm
l2 -s work.sh
check "a guest before KVM is unloaded ends well" ended_well $?
check "the vendor's module is unloaded meanwhile" rmmod $VENDOR
check "kvm itself is in use" sh -c '! rmmod kvm'
modprobe $VENDOR
l2 -s work.sh
check "a guest after it is loaded again ends well" ended_well $?
end_count
agrees /tmp/again.rec "KVM's module loaded again"
oracle_disarm

# Out of memory: reported, and nothing is left behind.
mkdir -p /sys/fs/cgroup && mount -t cgroup2 cgroup /sys/fs/cgroup 2>/dev/null
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
mkdir /sys/fs/cgroup/small
echo 64M >/sys/fs/cgroup/small/memory.max
check "without memory for the counters, that is said" sh -c '
	echo $$ >/sys/fs/cgroup/small/cgroup.procs
	exitstat --max-vcpus 16384 2>&1 | tee /dev/stderr | grep "cannot allocate the counters of 16384 vCPUs"'
check "and nothing is left of it" no_programs

# A guest that already runs is counted from then on.
l2 -s endless.sh &
guest=$!
until pidof qemu-system-x86_64-microvm; do sleep 0.01; done
count_by_bpf /tmp/late.rec
until exitstat vms --from /tmp/late.rec --format csv 2>/dev/null | grep ",qemu-system-x86,"; do sleep 0.05; done
end_count
check "a guest that was there before is counted from then on" sh -c '
	exitstat vms --from /tmp/late.rec | tee /dev/stderr | grep qemu-system-x86'
count_by_bpf /tmp/killed.rec
until exitstat vms --from /tmp/killed.rec --format csv 2>/dev/null | grep ",qemu-system-x86,"; do sleep 0.05; done
kill -KILL $(pidof qemu-system-x86_64-microvm)
wait $guest
end_count
check "exits of one that is killed stay with the host" sh -c '
	exitstat report /tmp/killed.rec | tee /dev/stderr | grep -E "^ *total +[1-9]" &&
		exitstat vms --from /tmp/killed.rec | grep gone'

# Pinned counters count without a process, until they are unpinned.
umount /sys/fs/bpf
check "without the file system of BPF, nothing is pinned, and it is said how" sh -c '
	exitstat 0.1 1 --pin 2>&1 | tee /dev/stderr | grep "mount -t bpf -o mode=0700 bpf /sys/fs/bpf"'
mount -t bpf bpf /sys/fs/bpf
exitstat 0.1 1 --pin
oracle_arm
l2 -n 2 -s work.sh
check "a guest that nobody looks at ends well" ended_well $?
exitstat --format json | compare "pinned, without a process"
oracle_disarm
check "what is pinned is not counted otherwise" sh -c '
	exitstat --counts 2>&1 | tee /dev/stderr | grep "already counting with other options"'
check "and can be pinned again" sh -c 'exitstat 0.1 1 --pin'
check "it ends when it is unpinned" sh -c '
	exitstat unpin | grep "counting stopped" && exitstat unpin | grep "was not pinned" && ! ls /sys/fs/bpf | grep .'

# Nothing prevents unloading.
check "kvm is unloaded afterwards" sh -c '. /lab/lib.sh; unload_all && ! grep "^kvm" /proc/modules'
check "and nothing is left" no_programs
