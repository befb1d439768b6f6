# VMs get their names from QEMU's command line, live and in recordings, and a recording can contain only some
# VMs.
uuid=4dea22b3-1d52-d8f3-2516-782e98ab3fa0
guest=". /lab/lib.sh; l2 -n 2 -s work.sh -- -name guest=web,debug-threads=on -uuid $uuid"
column() { awk -F, -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i; next } { print $at }'; }
wait_for_exits() {
	until exitstat vms --format csv 2>/dev/null | column process | grep -qx "$1"; do kill -0 "$2" || return; done
}
modprobe kvm_intel
modprobe kvm_exitstat
bare noise --nice 19 &
noise=$!
wait_for_exits bare $noise

# The tracepoint counts the exits of all VMs but the neighbour.
echo 'hist:keys=exit_reason:size=4096 if comm != "bare"' >$TRIGGER
check "the VMs of a command can be recorded alone" exitstat record --only-command -i 100ms -o /tmp/only.rec -- sh -c "$guest"
cat /sys/kernel/tracing/events/kvm/kvm_exit/hist | report "names hist"
echo '!hist:keys=exit_reason:size=4096 if comm != "bare"' >$TRIGGER
exitstat report /tmp/only.rec --format json | report "names recording"
check "such a recording has one VM, with its name and UUID" sh -c "
	exitstat vms --from /tmp/only.rec --format csv | tee /dev/stderr | grep -c ',web,$uuid,' | grep -x 1 &&
		exitstat vms --from /tmp/only.rec --format csv | wc -l | grep -x 2"
check "it is found by name and by UUID" sh -c "
	exitstat report /tmp/only.rec --vm web >/tmp/name && exitstat report /tmp/only.rec --vm $uuid >/tmp/uuid &&
		cat /tmp/name && cmp /tmp/name /tmp/uuid && grep 'VM [0-9]* (web)' /tmp/name"
check "the neighbour is not in it" sh -c "
	! exitstat report /tmp/only.rec --vm bare 2>/tmp/out; cat /tmp/out; grep 'no such VM: bare' /tmp/out"

check "a VM can be recorded alone, also one that starts later" exitstat record --vm web -i 100ms -o /tmp/web.rec -- sh -c "$guest"
check "and is alone there" sh -c '
	exitstat vms --from /tmp/web.rec --format csv | tee /dev/stderr | grep -c ",web," | grep -x 1 &&
		exitstat vms --from /tmp/web.rec --format csv | wc -l | grep -x 2'

sh -c "$guest" >/tmp/guest &
guest_shell=$!
check "a VM that runs is found by its name" sh -c "
	until exitstat -y --vm web 0.1 1 >/tmp/out 2>&1; do cat /tmp/out; kill -0 $guest_shell || exit; done
	cat /tmp/out; grep 'VM [0-9]* (web)' /tmp/out"
check "and vms and metrics have the name" sh -c "
	exitstat vms | tee /dev/stderr | grep web &&
		exitstat export --textfile /tmp/metrics.prom && grep 'exitstat_vm_info.*vm_name=\"web\".*\"$uuid\"\|exitstat_vm_info.*\"$uuid\".*vm_name=\"web\"' /tmp/metrics.prom"
wait $guest_shell
kill -KILL $noise
wait $noise 2>/dev/null || :
