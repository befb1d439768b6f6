# VM entries that fail outright.
oracle_arm
modprobe failed_entry
check "entries that fail are no exits" bare failed
check "KVM saw them fail" sh -c 'dmesg | grep -c "set kvm_intel.dump_invalid_vmcs=1"'
rmmod failed_entry
agreement "after entries that failed"
check "unloads" rmmod kvm_exitstat
