# vCPUs that query leaves before they have counters: in their first exit, and without any exit.
modprobe kvm_intel
check "a vCPU's very first exit is counted in the answer to it" bare first
rmmod kvm_intel
modprobe kvm_intel unrestricted_guest=0
check "a vCPU that never exits gets no answer" bare first --emulated
check "unloads" rmmod kvm_exitstat
