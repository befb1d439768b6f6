# KVM's own selftests on the unpatched kvm, twice, on the patched one, and on an observed one.

# Timeout of a test in emulated seconds. Those on the list take far less.
limit=60
# Parameters that some tests need: the prefix with which a guest makes KVM emulate an instruction, and guests
# with fewer address bits than the host.
kvm=force_emulation_prefix=1
kvm_intel=allow_smaller_maxphyaddr=1
# Guests have more memory than L1, but use little of it.
echo 1 >/proc/sys/vm/overcommit_memory

# run_test NAME: returns the test's exit status. The test is a session, and thus a process group, so that its
# remaining processes are found when it is killed.
run_test() {
	setsid sh -c 'echo $$ >/tmp/session; exec timeout -s KILL $1 /lab/selftests/$2' - $limit $1 \
		>/tmp/test.out 2>&1
	run_status=$?
	kill -KILL -"$(cat /tmp/session)" 2>/dev/null
	return $run_status
}

# A VM can outlive its process.
vms_are_gone() {
	for i in 1 2 3 4 5 6 7 8 9 10; do
		grep '^kvm_intel [0-9]* 0 ' /proc/modules && return
		sleep 1
	done
	grep '^kvm_intel ' /proc/modules
	return 1
}

# pass NAME: runs all tests. The output of those that fail is on the console.
pass() {
	grep -v '^#' /lab/selftests/list | while read -r test; do
		run_test $test
		status=$?
		echo "$test $status"
		[ $status = 0 ] || grep -v addr2line /tmp/test.out | tail -n 5 | sed "s,^,$1: $test: ," >/dev/console
		echo "$1: $test: $status, at $(cut -d' ' -f1 /proc/uptime) s" >/dev/console
	done >/tmp/pass
	report "pass $1" </tmp/pass
	check "$1: all VMs are gone" vms_are_gone
}

report list </lab/selftests/list
modprobe irqbypass
insmod /lab/unpatched/kvm.ko $kvm
insmod /lab/unpatched/kvm-intel.ko $kvm_intel
pass unpatched
pass "unpatched again"
rmmod kvm_intel kvm

printf 'options kvm %s\noptions kvm_intel %s\n' $kvm $kvm_intel >/etc/modprobe.d/selftests.conf
modprobe kvm_intel
rmmod kvm_exitstat
pass patched

# The exits of these guests, including nested ones, must agree with the oracle.
modprobe kvm_exitstat
oracle_arm
pass observed
agreement selftests
check "unloads" rmmod kvm_exitstat
