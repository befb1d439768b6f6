# Guests that are hypervisors, Linux with KVM and KVM's selftests: exits of their nested guests, and those
# reflected to them.
. /lab/counts.sh
events=/sys/kernel/tracing/events/kvm
reasons=/sys/kernel/debug/kvm_exitstat/reasons
# begin, end NAME: make the lab compare the counts in between with the tracepoints, after all guests.
begin() {
	modprobe kvm_exitstat
	oracle_arm
	echo 'hist:keys=exit_reason:size=4096' >$events/kvm_nested_vmexit/trigger
	echo 'hist:keys=exit_code:size=4096' >$events/kvm_nested_vmexit_inject/trigger
}
end() {
	wait_for_none
	cat $reasons | report "nested $1 reasons"
	cat $events/kvm_nested_vmexit/hist | report "nested $1 exits"
	cat $events/kvm_nested_vmexit_inject/hist | report "nested $1 injected"
	agreement "$1"
	echo '!hist:keys=exit_reason:size=4096' >$events/kvm_nested_vmexit/trigger
	echo '!hist:keys=exit_code:size=4096' >$events/kvm_nested_vmexit_inject/trigger
	check "unloads" rmmod kvm_exitstat
}

begin

# The guest's initrd, followed by an archive of what a hypervisor needs.
mkdir -p /tmp/more/lab/kvm /tmp/more/usr/bin
for module in irqbypass kvm kvm-intel; do
	cp "$(find /lib/modules/*/kernel -name $module.ko)" /tmp/more/lab/kvm/
done
cp /usr/bin/bare /tmp/more/usr/bin/
(cd /tmp/more && find . | cpio -o -H newc) >/tmp/more.cpio
cat /lab/l2.initrd /tmp/more.cpio >/tmp/hypervisor.initrd
l2 -s hypervisor.sh -- -initrd /tmp/hypervisor.initrd
check "a Linux guest runs guests of its own" ended_well $?
wait_for_none
check "RDMSR of these is reflected each time" sh -c "
	grep '^retired - 31 MSR_READ' $reasons | tee /dev/stderr | awk '\$10 == 100 && \$11 == 100 { ok = 1 } END { exit !ok }'"
exitstat --nested
check "the table has a line of what that takes" sh -c '
	exitstat --nested | tail -n 1 | tee /dev/stderr | grep "VMs took [0-9.]* exits of their own"'

end "a Linux guest that is a hypervisor"

begin
ran=0
for test in $(grep -E 'nested_|vmx_|/state_test|triple_fault|smm_test|hyperv_evmcs' /lab/selftests/list); do
	timeout -s KILL 60 /lab/selftests/$test >/tmp/test.out 2>&1
	status=$?
	echo "nested: $test: $status" >/dev/console
	# 4 means that the CPU lacks the tested feature.
	[ $status != 0 ] || ran=$((ran + 1))
done
check "tests of nested guests ran, and passed" test $ran -ge 8
end "selftests that are hypervisors"
