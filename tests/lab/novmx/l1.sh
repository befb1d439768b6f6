# QEMU's emulated processor has no VMX.
check "the module refuses with ENODEV" sh -c '
	modprobe kvm_exitstat 2>&1 | grep "No such device"'
check "and the log says why" sh -c 'dmesg | grep "kvm_exitstat: this CPU has no VMX"'
