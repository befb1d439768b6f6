# vCPUs whose threads migrate between CPUs continuously, and a CPU that goes offline and online.
. /lab/counts.sh
oracle_arm
bare noise --nice 19 --vcpus 2 &
noise=$!
l2 -n 2 -s work.sh &
guest=$!
moves=0
while kill -0 $guest 2>/dev/null; do
	for cpu in 1 2 3; do
		for pid in $noise $(pidof qemu-system-x86_64-microvm); do
			taskset -a -p $cpu $pid && moves=$((moves + 1))
		done
	done
done >/dev/null 2>&1
wait $guest
check "the guest ends well" ended_well $?
check "threads were moved many times" test $moves -gt 100
echo "processes were moved $moves times"

i=0
while [ $i -lt 10 ]; do
	echo 0 >/sys/devices/system/cpu/cpu1/online || break
	echo 1 >/sys/devices/system/cpu/cpu1/online || break
	i=$((i + 1))
done
check "a CPU goes and comes, 10 times, under a guest" test $i = 10
check "the other guest runs on" kill -0 $noise
kill -KILL $noise
wait $noise 2>/dev/null
check "no vCPU is attached any more" wait_for_none
agreement "vCPUs moved, CPU offline and online"
check "unloads" rmmod kvm_exitstat
