# The host's views: the device, debugfs, the log, and the command `exitstat` with all of them.
. /lab/counts.sh
debugfs=/sys/kernel/debug/kvm_exitstat
parameters=/sys/module/kvm_exitstat/parameters
cpuid_exits() { awk '$2 == "CPUID" { print $3 }' $debugfs/totals; }

check "without the module, exitstat says what to do" sh -c '
	exitstat >/tmp/out 2>&1; echo "status $?"; cat /tmp/out
	grep -q "modprobe kvm_exitstat" /tmp/out'
modprobe kvm_intel
bare cpuid --count 1000 >/dev/null
bare pio --count 300 >/dev/null
check "bad requests get their errors, and change nothing" bare device
cat /tmp/check.out
check "the device is root's alone" sh -c '
	ls -l /dev/kvm_exitstat; [ "$(stat -c %a:%u /dev/kvm_exitstat)" = 600:0 ]'

# With eight live vCPUs, all of which have taken exits.
bare noise --vcpus 8 &
noise=$!
until [ "$(attached)" = 8 ]; do kill -0 $noise || break; done
stop $noise
for i in 1 2 3; do bare device --time; done | report "host snapshot time"
kill -KILL $noise
wait $noise 2>/dev/null
wait_for_none

# A recorded boot. Every exit is in the tracepoint's histogram, the module's text and the recording.
rmmod kvm_exitstat
oracle_arm
modprobe kvm_exitstat
boot='. /lab/lib.sh; l2 -n 2 -s work.sh'
check "record runs a command and ends with its status" sh -c "
	exitstat record -i 500ms -o /tmp/ept1 -- sh -c '$boot' && exitstat record -o /tmp/seven -- sh -c 'exit 7'
	[ \$? = 7 ]"
wait_for_none
bare device --dump | od -An -v -tx1 | report "host snapshot"
exitstat report --format json --all /tmp/ept1 | report "host recording"
cat $debugfs/totals | report "host totals"
cat $debugfs/reasons | report "host reasons"
cat $debugfs/cpus | report "host cpus"
exitstat --all --format csv | report "host csv"
exitstat --format json | report "host json"
exitstat export --textfile /tmp/metrics.prom
cat /tmp/metrics.prom | report "host metrics"
agreement "recorded boot"
exitstat
exitstat vms
exitstat report /tmp/ept1

# While a guest runs, an answer with the host's counts lies between two snapshots.
echo host >$parameters/guest_scope
bare noise &
noise=$!
exitstat --reason CPUID --format csv | report "host before"
bare cpuid --count 10 | report "host answer"
exitstat --reason CPUID --format csv | report "host after"
exitstat vms
exitstat 1 2 --format json | report "host intervals"
kill -KILL $noise
wait $noise 2>/dev/null
echo vm >$parameters/guest_scope

# A guest reads the same counts of itself as the host does. Its console is in /tmp/l2.* while it runs.
guest_said() { grep -qs "@guest $1" /tmp/l2.*; }
l2 -s guest.sh >/tmp/guest &
guest=$!
until guest_said ready; do kill -0 $guest || break; done
vm=$(awk '$1 != "retired" { print $1; exit }' $vcpus)
exitstat --vm $vm --format json | report "host vm"
echo off >$parameters/guest_scope
until guest_said status; do kill -0 $guest || break; done
echo vm >$parameters/guest_scope
wait $guest
check "the guest ends well" ended_well $?
cat /tmp/guest | report "host guest"
grep -v '^@guest' /tmp/guest

# Shadow paging and the exits that it changes.
rmmod kvm_intel
modprobe kvm_intel ept=0
check "another boot is recorded, with ept=0" exitstat record -o /tmp/ept0 -- sh -c "$boot"
exitstat diff /tmp/ept1 /tmp/ept0 --format json | report "host diff"
exitstat diff /tmp/ept1 /tmp/ept0
rmmod kvm_intel
modprobe kvm_intel

# The log: on request, after a number of exits, and answers.
check "writing to debugfs logs the table" sh -c "
	echo now >$debugfs/log && dmesg | tail -n 40 | tee /tmp/log &&
	grep -q 'kvm_exitstat: reason 10 CPUID: $(cpuid_exits) exits' /tmp/log"
said() { dmesg | grep -c "kvm_exitstat: $1"; }
before=$(said "all reasons")
echo 2000 >$parameters/log_every
bare cpuid --count 3000 >/dev/null
tries=0
until [ "$(said "all reasons")" -gt $before ] || [ $tries = 3000 ]; do tries=$((tries + 1)); done
check "log_every logs the table" test "$(said "all reasons")" -gt $before
echo 0 >$parameters/log_every
echo 1 >$parameters/log_cpuid
bare leaf --eax 0x4ffffffd --ecx 10 --count 200 >/dev/null
tries=0
until [ "$(said "process .*cpuid")" -gt 0 ] || [ $tries = 3000 ]; do tries=$((tries + 1)); done
echo 0 >$parameters/log_cpuid
check "log_cpuid logs answers" test "$(said "process .* cpuid eax=0x4ffffffd ecx=0x0000000a: eax=0x")" -gt 0
check "and not more than 64 a second" sh -c "
	dmesg | awk '/kvm_exitstat: process/ { n[int(substr(\$0, 2))]++ }
		END { for (s in n) { print s, n[s]; bad += n[s] > 128 } exit bad }'"
for bad in log_every=-1 log_every=many log_cpuid=2; do
	check "a bad parameter is refused: $bad" sh -c "
		! echo ${bad#*=} >$parameters/${bad%=*} && dmesg | tail -n 3 | tee /tmp/log &&
		grep -q '${bad%=*} must be .*; not .${bad#*=}.' /tmp/log"
done
check "unloads" rmmod kvm_exitstat
