# Exits that userspace finishes although KVM_RUN fails: KVM_EXIT_MEMORY_FAULT.
oracle_arm
check "memory that the VMM must provide: its exits and its time are userspace's" bare memory-fault
agreement "with memory that the VMM must provide"
check "unloads" rmmod kvm_exitstat
