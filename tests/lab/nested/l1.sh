# Guests that are hypervisors, KVM's selftests: exits of their nested guests, and those that they get of these.
. /lab/counts.sh
events=/sys/kernel/tracing/events/kvm
oracle_arm
echo 'hist:keys=exit_reason:size=4096' >$events/kvm_nested_vmexit/trigger
echo 'hist:keys=exit_code:size=4096' >$events/kvm_nested_vmexit_inject/trigger
modprobe kvm_exitstat
ran=0
for test in $(grep -E 'nested_|vmx_|/state_test|triple_fault|smm_test|hyperv_evmcs' /lab/selftests/list); do
	timeout -s KILL 60 /lab/selftests/$test >/tmp/test.out 2>&1
	status=$?
	echo "nested: $test: $status" >/dev/console
	# 4 is that the CPU lacks what it tests.
	[ $status != 0 ] || ran=$((ran + 1))
done
check "tests of nested guests ran, and passed" test $ran -ge 8
wait_for_none
cat /sys/kernel/debug/kvm_exitstat/reasons | report "nested reasons"
cat $events/kvm_nested_vmexit/hist | report "nested exits"
cat $events/kvm_nested_vmexit_inject/hist | report "nested injected"
agreement "guests that are hypervisors"
check "unloads" rmmod kvm_exitstat
