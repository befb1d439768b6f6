# The kernel without the shim.
modprobe kvm_intel
check "the module refuses with ENODEV" sh -c '
	modprobe kvm_exitstat 2>&1 | grep "No such device"'
check "and the log says what to do" sh -c '
	dmesg | grep "kvm_exitstat: .*patch and rebuild kvm and kvm_intel"'
l2 -s leaves.sh
