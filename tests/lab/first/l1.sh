# vCPUs that ask before there are counters of them: in their very first exit, and with no exit at all.
modprobe kvm_intel
check "a vCPU's very first exit is counted in the answer to it" bare first
rmmod kvm_intel
modprobe kvm_intel unrestricted_guest=0
check "a vCPU that never exits gets no answer" bare first --emulated
check "unloads" rmmod kvm_exitstat
