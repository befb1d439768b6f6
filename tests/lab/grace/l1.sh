# An observer that unregisters on one CPU during a callback on another.
slow() {
	modprobe kvm_exitstat_slow && rmmod kvm_exitstat_slow &&
		dmesg | grep -o "kvm_exitstat_slow: .*" | tail -n 1 | tee /tmp/slow &&
		grep -q "unregistering waited for a callback" /tmp/slow
}
modprobe kvm_intel
rmmod kvm_exitstat
taskset -p 1 $$
taskset 2 bare noise &
guest=$!
for i in 1 2 3; do
	check "unregistering waits for a callback on another CPU, $i" slow
done
check "the guest did not notice" kill -0 $guest
kill -KILL $guest
wait $guest 2>/dev/null
taskset -p 3 $$
check "kvm_exitstat loads after it" modprobe kvm_exitstat
check "unloads" rmmod kvm_exitstat
