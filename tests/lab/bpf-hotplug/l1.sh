# CPUs go offline and online, and guests' threads migrate between them, while BPF counts.
. /lab/bpf-lib.sh
modprobe $VENDOR
cpu1=/sys/devices/system/cpu/cpu1/online
count_by_bpf /tmp/hotplug.rec
oracle_arm
l2 -n 2 -s work.sh &
first=$!
l2 -n 2 -s work.sh &
second=$!
times=0
while [ -d /proc/$first ] || [ -d /proc/$second ]; do
	echo 0 >$cpu1
	echo 1 >$cpu1
	times=$((times + 1))
	sleep 0.2
done
wait $first
check "the first of two guests ends well" ended_well $?
wait $second
check "the second of two guests ends well" ended_well $?
end_count
check "a CPU went and came meanwhile" test $times -gt 3
agrees /tmp/hotplug.rec "CPUs that go and come"
oracle_disarm
exitstat report /tmp/hotplug.rec
check "both CPUs counted" sh -c '
	for cpu in 0 1; do
		exitstat report /tmp/hotplug.rec --cpu $cpu | tee /dev/stderr | grep -E "^ *total +[1-9]" || exit
	done'
