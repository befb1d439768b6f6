# Guests that are killed while they run.
times=${KILLS:-50}
. /lab/counts.sh
oracle_arm
i=0
while [ $i -lt $times ]; do
	bare noise --vcpus 2 &
	guest=$!
	until [ "$(exits)" -gt 500 ]; do kill -0 $guest && moment || break 2; done
	kill -KILL $guest
	wait $guest 2>/dev/null
	i=$((i + 1))
	wait_for_none || break
done
check "$times guests were killed, none is left attached" test $i = $times
agreement "$times guests killed"
check "no VM is left" sh -c '! ls -d /sys/kernel/debug/kvm/*-*'
check "unloads" rmmod kvm_exitstat
