# kvm_exitstat is loaded and unloaded repeatedly, while two guests with two vCPUs each exit as fast as they can.
cycles=${CHURN_CYCLES:-200}
. /lab/counts.sh

# Once beforehand, for allocations that are made only once.
modprobe kvm_intel
bare noise --nice 19 --vcpus 2 &
guest=$!
until [ "$(attached)" = 2 ]; do kill -0 $guest && moment || break; done
kill -KILL $guest
wait $guest 2>/dev/null
rmmod kvm_exitstat
kib=$(kernel_kib) percpu=$(percpu_kib)

# With low priority, because four vCPUs keep two CPUs too busy to load a module.
bare noise --nice 19 --vcpus 2 &
first=$!
bare noise --nice 19 --vcpus 2 &
second=$!
i=0
while [ $i -lt $cycles ]; do
	modprobe kvm_exitstat || break
	until [ "$(attached)" = 4 ]; do
		kill -0 $first && kill -0 $second && moment || break 2
	done
	rmmod kvm_exitstat || break
	i=$((i + 1))
	[ $((i % 20)) != 0 ] || echo "$i of $cycles"
done
check "$cycles times modprobe, four vCPUs attached, rmmod" test $i = $cycles
check "the guests did not notice" kill -0 $first $second

# From a moment at which no guest runs, all counts are exact.
stop $first $second
oracle_arm
modprobe kvm_exitstat
kill -CONT $first $second
until [ "$(exits)" -gt 50000 ]; do kill -0 $first && kill -0 $second && moment || break; done
check "the guests still run" kill -0 $first $second
kill -KILL $first $second
wait $first $second 2>/dev/null
check "no vCPU is attached any more" wait_for_none
agreement "after $cycles loads"
rmmod kvm_exitstat
check "per-CPU memory is what it was" same "$percpu" "$(percpu_kib)" $percpu_slack
check "kernel memory is what it was" same "$kib" "$(kernel_kib)" 3000
