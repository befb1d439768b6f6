# Details are toggled while guests run, and a guest takes more keys than there is room for.
. /lab/counts.sh
. /lab/detail-lib.sh
cycles=${DETAIL_CYCLES:-60}
details=/sys/kernel/debug/kvm_exitstat/details
# Prints the number of rows of live vCPUs.
rows() {
	grep -c -v "^retired" $details
}

oracle_arm
modprobe kvm_exitstat
# Once beforehand, for allocations that are made only once.
capture both 131072
bare cpuid --count 10 >/dev/null
wait_for_none
capture off
kib=$(kernel_kib) percpu=$(percpu_kib)

bare noise --nice 19 --vcpus 2 &
first=$!
bare noise --nice 19 --vcpus 2 &
second=$!
until [ "$(attached)" = 4 ]; do kill -0 $first && kill -0 $second && moment || break; done
i=0
while [ $i -lt $cycles ]; do
	for what in key ip both; do
		capture $what || break 2
		# CPUID, MSR_WRITE and IO_INSTRUCTION of four vCPUs, plus clock ticks.
		until [ "$(rows)" -ge 12 ]; do
			kill -0 $first && kill -0 $second && moment || break 3
		done
	done
	capture off || break
	i=$((i + 1))
done
check "$cycles times details were captured of four vCPUs, and then not" test $i = $cycles
check "the guests did not notice" kill -0 $first $second
capture key
# Meanwhile a vCPU is created and another destroyed.
check "a guest that comes has details, too" sh -c '
	bare cpuid --count 100 >/dev/null && . /lab/counts.sh && until [ "$(attached)" = 4 ]; do moment; done
	grep "^retired - 10 CPUID" /sys/kernel/debug/kvm_exitstat/details'
kill -KILL $first $second
wait $first $second 2>/dev/null
check "no vCPU is attached any more" wait_for_none
capture off
check "per-CPU memory is what it was" same "$percpu" "$(percpu_kib)" $percpu_slack
check "kernel memory is what it was" same "$kib" "$(kernel_kib)" 3000

# 64 rows for 20,000 leaves, some other keys, and one leaf that is read repeatedly.
capture key 4096
bare leaves --count 20000 >/tmp/leaves
check "of a guest that asks ever new leaves, all exits are counted" sh -c 'cat /tmp/leaves; grep -x "exits 20001" /tmp/leaves'
check "and rows are as many as there is room for" sh -c '
	# Retired vCPUs have four tables.
	rows=$(wc -l </sys/kernel/debug/kvm_exitstat/details)
	echo "$rows rows"
	[ $rows -gt 40 ] && [ $rows -le 256 ]'
bare noise --nice 19 &
guest=$!
until [ "$(exits)" -gt 3000 ]; do kill -0 $guest && moment || break; done
check "what is asked often has a row, whatever there was before" sh -c "
	grep -v '^retired' $details | tee /dev/stderr | grep -q ' 10 CPUID 0 ' && grep -v '^retired' $details | grep -q ' 32 MSR_WRITE 6e0 '"
kill -KILL $guest
wait $guest 2>/dev/null
wait_for_none
agreement "with details that come and go"
check "unloads while details are captured" rmmod kvm_exitstat
