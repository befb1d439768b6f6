# Shadow paging: page faults, CR accesses and INVLPG exit, and there are no EPT violations.
oracle_arm
check "ept is off" grep -qx N /sys/module/kvm_intel/parameters/ept
l2 -n 2 -s work.sh
check "guest ends well" ended_well $?
check "CR accesses exit" grep -q "^28 CR_ACCESS [1-9]" /sys/kernel/debug/kvm_exitstat/totals
check "EPT violations do not" grep -qx "48 EPT_VIOLATION 0 0" /sys/kernel/debug/kvm_exitstat/totals
agreement "ept=0"
