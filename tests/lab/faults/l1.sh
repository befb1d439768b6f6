# Each allocation fails once: those of loading, and those of a vCPU's run.
. /lab/counts.sh
for fault in failslab fail_page_alloc; do
	# Without a log message for each, and for allocations that may sleep too.
	echo 0 >/sys/kernel/debug/$fault/verbose
	echo N >/sys/kernel/debug/$fault/ignore-gfp-wait
	# For tasks that request it, and then always.
	echo Y >/sys/kernel/debug/$fault/task-filter
	echo 100 >/sys/kernel/debug/$fault/probability
	echo -1 >/sys/kernel/debug/$fault/times
done
echo 0 >/sys/kernel/debug/fail_page_alloc/min-order
modprobe kvm_intel
rmmod kvm_exitstat
# From here on, the kernel's messages about failed allocations are expected.
echo "lab: allocations fail" >/dev/kmsg
module=$(modinfo -F filename kvm_exitstat)
check "every allocation of a load failed" bare fail-load "$module"
cat /tmp/check.out
check "every allocation of a vCPU's first exit failed" bare fail-attach "$module"
cat /tmp/check.out
# Small tables: large ones would add hundreds of pages that can fail.
details="detail_size=4096 detail=both"
check "every allocation of a load that captures details failed" bare fail-load "$module" "$details"
cat /tmp/check.out
check "every allocation of a vCPU's first exit failed, with details" bare fail-attach "$module" "$details"
cat /tmp/check.out
echo "lab: allocations fail no more" >/dev/kmsg
oracle_arm
modprobe kvm_exitstat
check "unattached starts again from zero" grep -qx "unattached 0" /sys/kernel/debug/kvm_exitstat/totals
check "and a guest is attached again" sh -c 'bare cpuid --count 100 | grep -qx "exits 101"'
check "no vCPU is attached any more" wait_for_none
agreement "after faults"
check "unloads" rmmod kvm_exitstat
