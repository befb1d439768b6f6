# A host with an AMD processor and the modules for its kernel: exitstat counts nothing there and does no harm.
check "kvm_amd is the rebuilt one" sh -c '
	modprobe kvm_amd && modinfo -n kvm_amd | grep "/updates/" &&
		grep kvm_exit_observer_register /proc/kallsyms'
check "kvm_exitstat refuses with ENODEV" sh -c '
	modprobe kvm_exitstat 2>&1 | grep "No such device"'
check "and the log says why" sh -c 'dmesg | grep "kvm_exitstat: this CPU has no VMX"'

oracle_arm
l2 -n 2 -s leaves.sh
check "a guest with two vCPUs ends well, and finds no leaves" ended_well $?
l2 -s leaves.sh &
first=$!
l2 -s leaves.sh
check "the second of two guests ends well" ended_well $?
wait $first
check "the first of two guests ends well" ended_well $?
check "the tracepoint saw SVM's exits" sh -c '
	hist=/sys/kernel/tracing/events/kvm/kvm_exit/hist
	cat $hist
	grep "exit_reason: *114 " $hist && grep "exit_reason: *1024 " $hist'
oracle_disarm

check "kvm_amd and kvm are unloaded" sh -c '. /lab/lib.sh; unload_all && ! grep "^kvm" /proc/modules'
check "the packaged ones load" sh -c '
	cd /lib/modules/$(uname -r)/kernel/arch/x86/kvm &&
		insmod ./kvm.ko && insmod ./kvm-amd.ko && ! grep kvm_exit_observer /proc/kallsyms'
l2 -s leaves.sh
check "and run a guest" ended_well $?
