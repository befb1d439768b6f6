# A guest sees nothing of another, unless the host allows it. (tests/lab/bare checks that counts are exact with
# guest_scope=vm and a second guest.)
modprobe kvm_intel
scope=/sys/module/kvm_exitstat/parameters/guest_scope
seen() { bare cpuid --count 1000 | awk '$1 == "exits" { print $2 }'; }

bare noise &
noise=$!
check "vm: exits of another guest are not seen" test "$(seen)" = 1001
echo host >$scope
check "host: they are" test "$(seen)" -gt 1001
echo vm >$scope
check "vm again: they are not" test "$(seen)" = 1001
kill -KILL $noise
wait $noise 2>/dev/null

# Prints the generation by which a guest identifies its counters.
generation() { bare interface | awk '$1 == "generation" { print $2 }'; }
first=$(generation)
second=$(generation)
echo host >$scope
host=$(generation)
check "each VM is told a generation of its own" test -n "$first" -a -n "$second" -a "$first" != "$second"
check "host: all are told the same, and another one" test "$host" = "$(generation)" -a "$host" != "$first"
echo off >$scope
check "off: nobody answers" sh -c '! bare interface 2>&1 | tee /dev/stderr | grep generation'
echo vm >$scope
check "a VM is told when the module was loaded again" bare interface --reload "$(modinfo -F filename kvm_exitstat)"

# A process ID that is reused by another VM. IDs below 300 are never reused.
echo 400 >/proc/sys/kernel/pid_max
last=0
while [ $last -lt 300 ]; do
	: &
	last=$!
	wait $last
done
bare cpuid --count 5000 >/tmp/first &
pid=$!
wait $pid
tries=0
while [ $tries -lt 1000 ]; do
	bare cpuid --count 100 >/tmp/again &
	[ $! = $pid ] && break
	wait $!
	tries=$((tries + 1))
	# With a constant step, the sequence could skip the ID forever.
	[ $((tries % 7)) != 0 ] || (:)
done
again=$!
wait $again
echo "process id $pid, and after $tries others $again"
check "a process id comes again" test $again = $pid
check "and the VM is told nothing of the one before it" grep -qx "before 2" /tmp/again
check "unloads" rmmod kvm_exitstat
