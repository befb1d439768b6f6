# Loading and unloading stall no vCPU, nor do details that are turned on and off: guests that watch the clock see no
# longer gaps than without. The guests have CPU 0, who loads has CPU 1. Some loads meet long grace periods of RCU's, which a reader on CPU 2 makes:
# who waits for one is seen to.
quick=${QUICK:-180} slow=${SLOW:-20}
. /lab/counts.sh
modprobe kvm_intel
rmmod kvm_exitstat
module=$(modinfo -F filename kvm_exitstat)

# Two guests with two vCPUs each that watch the clock. What they saw is in /tmp/NAME.*.
watch() {
	rm -f /tmp/over
	taskset 1 bare watch --vcpus 2 --until /tmp/over >/tmp/$1.1 &
	first=$!
	taskset 1 bare watch --vcpus 2 --until /tmp/over >/tmp/$1.2 &
	second=$!
}
# watched NAME: ends that.
watched() {
	: >/tmp/over
	wait $first && wait $second
	check "the guests end well: $1" ended_well $?
	cat /tmp/$1.1 | report "stall $1 first"
	cat /tmp/$1.2 | report "stall $1 second"
}
cycles() {
	sed -n 's/^cycles //p' /tmp/$1
}

watch loads
[ $slow = 0 ] || modprobe exitstat_slow_rcu cpu=2
taskset 2 bare reload $module --count $slow --vcpus 4 >/tmp/slow
check "$slow loads under long grace periods" ended_well $?
[ $slow = 0 ] || rmmod exitstat_slow_rcu
taskset 2 bare reload $module --count $quick --vcpus 4 >/tmp/quick
check "$quick loads" ended_well $?
watched loads

# As long again, with loads that are refused: the same work, but for KVM.
watch none
[ $slow = 0 ] || modprobe exitstat_slow_rcu cpu=2
taskset 2 bare reload $module --refused $(cycles slow) >/tmp/slow.refused
check "for as long, loads under long grace periods that are refused" ended_well $?
[ $slow = 0 ] || rmmod exitstat_slow_rcu
taskset 2 bare reload $module --refused $(cycles quick) >/tmp/quick.refused
check "for as long, loads that are refused" ended_well $?
watched none

# Details, a quarter as often: each time they are turned on the guests' four vCPUs get tables of 4 MiB.
insmod $module detail_size=4194304
# turned COUNT: turns them on and off.
turned() {
	taskset 2 sh -c "
		cd /sys/module/kvm_exitstat/parameters
		for i in \$(seq $1); do echo both >detail && echo off >detail || exit; done"
}
watch details
[ $slow = 0 ] || modprobe exitstat_slow_rcu cpu=2
turned $((slow / 4))
check "details are turned on $((slow / 4)) times under long grace periods" ended_well $?
[ $slow = 0 ] || rmmod exitstat_slow_rcu
echo both >/sys/module/kvm_exitstat/parameters/detail
check "they are captured" sh -c 'until grep -q . /sys/kernel/debug/kvm_exitstat/details; do sleep 0.01; done'
echo off >/sys/module/kvm_exitstat/parameters/detail
turned $((quick / 4))
check "details are turned on $((quick / 4)) times" ended_well $?
watched details
rmmod kvm_exitstat
cat /tmp/slow /tmp/quick /tmp/*.refused /tmp/loads.? /tmp/none.? /tmp/details.?
