# Details captured over guests' whole lifetimes equal KVM's tracepoints, key by key.
. /lab/counts.sh
. /lab/detail-lib.sh
modprobe kvm_exitstat
check "without being asked for, nothing is captured" sh -c '
	[ "$(cat /sys/module/kvm_exitstat/parameters/detail)" = off ] && ! grep . /sys/kernel/debug/kvm_exitstat/details'

capture both 4194304
details_arm
l2 -n 2 -s work.sh
check "a guest with two vCPUs ends well" ended_well $?
wait_for_none
details "two vCPUs, keys and instruction pointers"
details_disarm

rmmod kvm_exitstat
modprobe kvm_exitstat detail=key
check "captured from when the module is loaded" sh -c '[ "$(cat /sys/module/kvm_exitstat/parameters/detail)" = key ]'
details_arm
l2 -n 2 -s work.sh &
first=$!
l2 -s work.sh
check "the second of two guests ends well" ended_well $?
wait $first
check "the first of two guests ends well" ended_well $?
wait_for_none
details "two guests at once, keys"
details_disarm

rmmod kvm_exitstat
modprobe kvm_exitstat detail=ip
details_arm
l2 -s work.sh
check "a guest ends well" ended_well $?
wait_for_none
details "more instruction pointers than there is room for"
details_disarm
capture off
check "turned off, what was captured is gone" sh -c '! grep . /sys/kernel/debug/kvm_exitstat/details'
check "unloads" rmmod kvm_exitstat
