# Neither loading and unloading nor toggling details stalls a vCPU: guests that watch the clock see no longer
# gaps than without. The guests run on CPU 0, the loading on CPU 1. A reader on CPU 2 makes some loads wait for
# long RCU grace periods, so a vCPU that waits for one is detected.
quick=${QUICK:-180} slow=${SLOW:-20}
. /lab/counts.sh
modprobe kvm_intel
rmmod kvm_exitstat
module=$(modinfo -F filename kvm_exitstat)

# Two guests with two vCPUs each that watch the clock. Their results are in /tmp/NAME.*.
watch() {
	rm -f /tmp/over
	taskset 1 bare watch --vcpus 2 --until /tmp/over >/tmp/$1.1 &
	first=$!
	taskset 1 bare watch --vcpus 2 --until /tmp/over >/tmp/$1.2 &
	second=$!
}
# watched NAME: ends them.
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

# The same time with rejected loads: the same work, except in KVM.
watch none
[ $slow = 0 ] || modprobe exitstat_slow_rcu cpu=2
taskset 2 bare reload $module --refused $(cycles slow) >/tmp/slow.refused
check "for as long, loads under long grace periods that are refused" ended_well $?
[ $slow = 0 ] || rmmod exitstat_slow_rcu
taskset 2 bare reload $module --refused $(cycles quick) >/tmp/quick.refused
check "for as long, loads that are refused" ended_well $?
watched none

# Details, a quarter as often: enabling them allocates 4 MiB tables for each of the guests' four vCPUs.
insmod $module detail_size=4194304
# turned COUNT: enables and disables them.
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
