# One guest with two vCPUs, then two guests at once; on two CPUs, if L1 has them.
oracle_arm
l2 -n 2 -s work.sh
check "a guest with two vCPUs ends well" ended_well $?
agreement "two vCPUs"

rmmod kvm_exitstat
modprobe kvm_exitstat
check "counts start again from zero" sh -c '
	! grep -v " 0 0$" /sys/kernel/debug/kvm_exitstat/totals | grep -v "^unattached 0$"'
oracle_arm
l2 -s work.sh &
first=$!
l2 -n 2 -s work.sh
check "the second of two guests ends well" ended_well $?
wait $first
check "the first of two guests ends well" ended_well $?
agreement "two guests at once"
check "unloads" rmmod kvm_exitstat
