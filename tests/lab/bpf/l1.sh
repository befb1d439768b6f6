# Counting by BPF on a kernel without exitstat: over guests' whole lifetimes, the counts equal the tracepoint's.
. /lab/bpf-lib.sh
check "the kernel is the packaged one" sh -c '
	modprobe $VENDOR && ! modinfo -n $VENDOR | grep updates && ! grep kvm_exit_observer /proc/kallsyms'

count_by_bpf /tmp/two.rec
oracle_arm
l2 -n 2 -s work.sh
check "a guest with two vCPUs ends well" ended_well $?
end_count
agrees /tmp/two.rec "two vCPUs"
oracle_disarm

count_by_bpf /tmp/off.rec --off-cpu
oracle_arm
l2 -s work.sh &
first=$!
l2 -n 2 -s work.sh
check "the second of two guests ends well" ended_well $?
wait $first
check "the first of two guests ends well" ended_well $?
end_count
agrees /tmp/off.rec "two guests at once, less off-CPU time"
oracle_disarm

count_by_bpf /tmp/counts.rec --counts
oracle_arm
l2 -n 2 -s work.sh
check "a guest that is only counted ends well" ended_well $?
end_count
agrees /tmp/counts.rec "counts only"
oracle_disarm

# A VM that is paused after each exit that userspace finishes: KVM_RUN is called again and fails immediately.
count_by_bpf /tmp/paused.rec
oracle_arm
bare pause --count 20 --pause-ms 1 --blind
check "a VM that is paused again and again ends well" ended_well $?
end_count
agrees /tmp/paused.rec "a VM that is paused"
oracle_disarm
check "userspace finished each port I/O once" sh -c '
	exitstat report /tmp/paused.rec --format csv |
		awk -F, "\$8 ~ /^IO/ { print \$8 \": \" \$9 \" exits, \" \$21 \" by userspace\"; ok = \$9 == 21 && \$21 == 21 }
			END { exit !ok }"'

# A guest that is stopped repeatedly: KVM_RUN then fails, whatever the last exit was.
userspace_exit=/sys/kernel/tracing/events/kvm/kvm_userspace_exit
failed_runs='hist:keys=reason if errno < 0'
count_by_bpf /tmp/stopped.rec
echo "$failed_runs" >$userspace_exit/trigger
bare noise &
noise=$!
stops=0
# Only once the VM runs, because its creation must not be interrupted.
until [ "$(cat /sys/kernel/debug/kvm/exits)" -gt 0 ]; do kill -0 $noise || break; done
while [ $stops -lt 50 ]; do
	usleep 2000
	kill -STOP $noise
	until grep -q "^State:.*stopped" /proc/$noise/status; do kill -0 $noise || break 2; done
	kill -CONT $noise
	stops=$((stops + 1))
done
kill -KILL $noise
wait $noise
end_count
check "a guest is stopped 50 times, and KVM_RUN fails" awk '
	$1 == "Hits:" { print; failed = $2 }
	END { exit !(failed >= 25) }' $userspace_exit/hist
echo "!$failed_runs" >$userspace_exit/trigger
check "a KVM_RUN that fails is no exit for userspace" sh -c '
	exitstat report /tmp/stopped.rec --format csv | awk -F, "
		\$3 == \"host\" { print \$8 \": \" \$9 \" exits, \" \$21 \" by userspace\" }
		\$3 == \"host\" && \$8 !~ /^(IO|total)/ { others += \$21 }
		\$3 == \"host\" && \$8 == \"total\" { exits += \$9 }
		END { exit !(exits > 0 && others == 0) }"'

exitstat report /tmp/two.rec --time
exitstat vms --from /tmp/two.rec
check "the recording says who counted" sh -c '
	exitstat report /tmp/two.rec | grep "^source: *bpf$" && exitstat --from /tmp/two.rec | grep "bpf$"'
check "a sleeping vCPU's time is in the one, and not in the other" sh -c '
	hlt() { exitstat report $1 --reason HLT --format csv | awk -F, "\$8 == \"HLT\" { print int(\$15) }"; }
	with=$(hlt /tmp/two.rec) without=$(hlt /tmp/off.rec)
	echo "HLT: $with ns on average, $without ns less off-CPU time"
	[ "$without" -gt 0 ] && [ "$with" -gt $((without * 4)) ]'
