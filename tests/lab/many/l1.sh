# Many vCPUs while the module stays loaded.
guests=${GUESTS:-75} each=4
. /lab/counts.sh
modprobe kvm_intel
bare cpuid --count 20 --vcpus $each >/dev/null
rmmod kvm_exitstat
oracle_arm
modprobe kvm_exitstat
kib=$(kernel_kib) percpu=$(percpu_kib)

# A guest that stays, stopped while the sums are taken.
bare noise --vcpus 2 &
stays=$!
i=0
while [ $i -lt $guests ]; do
	bare cpuid --count 20 --vcpus $each | grep -qx "exits 21" || break
	i=$((i + 1))
done
check "$((guests * each)) vCPUs came and went, each counted exactly" test $i = $guests
stop $stays
check "only the one that stays is attached" test "$(attached)" = 2
cat /sys/kernel/debug/kvm_exitstat/totals $vcpus >/tmp/sums
check "what is retired and what lives add up to the host's totals" awk '
	$1 == "undefined" { exits += $2; cycles += $3; next }
	$1 == "unattached" { totals_done = 1; next }
	$1 == "retired" { exits -= $2; cycles -= $3; next }
	totals_done { exits -= $4; cycles -= $5; next }
	{ exits += $3; cycles += $4 }
	END { print exits, cycles; exit exits != 0 || cycles != 0 }' /tmp/sums
kill -KILL $stays
wait $stays 2>/dev/null
check "no vCPU is attached any more" wait_for_none
agreement "$((guests * each)) vCPUs"
check "per-CPU memory is what it was" same "$percpu" "$(percpu_kib)" $percpu_slack
check "kernel memory is what it was" same "$kib" "$(kernel_kib)" 3000
check "unloads" rmmod kvm_exitstat
