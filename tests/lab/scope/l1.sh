# guest_scope and its errors; loading and unloading while a guest runs.
parameter=/sys/module/kvm_exitstat/parameters/guest_scope
fails_with() {
	fails_text=$1
	shift
	"$@" 2>&1 && echo "it did not fail" && return 1
	dmesg | tail -n 3
	dmesg | tail -n 3 | grep -q "$fails_text"
}

check "without kvm: ENODEV, and the log says why" sh -c '
	insmod $(modinfo -F filename kvm_exitstat) 2>&1 | tee /tmp/out
	grep -q "No such device" /tmp/out && dmesg | grep "kvm_exitstat: kvm is not loaded"'
modprobe kvm_intel
check "a second load fails cleanly" sh -c '
	insmod $(modinfo -F filename kvm_exitstat) 2>&1 | grep "File exists"'
check "rmmod kvm is refused" sh -c 'rmmod kvm_intel && ! rmmod kvm; modprobe kvm_intel'
check "the default is vm" grep -qx vm $parameter

for word in everyone "" VM vmx; do
	check "a bad word is refused at run time: '$word'" sh -c "
		! echo '$word' >$parameter && grep -qx vm $parameter &&
		dmesg | tail -n 1 | grep 'must be one of vm, host, off'"
done
for word in host off vm; do
	check "a good word is taken at run time: $word" sh -c "
		echo $word >$parameter && grep -qx $word $parameter"
done

rmmod kvm_exitstat
check "a bad parameter makes modprobe fail with EINVAL" sh -c '
	modprobe kvm_exitstat guest_scope=everyone 2>&1 | grep "Invalid argument" &&
	dmesg | tail -n 1 | grep "must be one of vm, host, off"'
check "and leaves nothing loaded" sh -c '! grep kvm_exitstat /proc/modules'

l2 -s leaves.sh | report unloaded
modprobe kvm_exitstat guest_scope=off
check "a good parameter is taken by modprobe" grep -qx off $parameter
l2 -s leaves.sh | report off

# Under a running guest: it must not notice, and counts start again.
echo vm >$parameter
mkfifo /tmp/busy
l2 -s busy.sh >/tmp/busy &
exec 4</tmp/busy
while read -r line <&4; do [ "$line" = ready ] && break; done
cat <&4 >/dev/null &
total() { awk '$2 == "CPUID" { print $3 }' /sys/kernel/debug/kvm_exitstat/totals; }
for i in 1 2 3 4 5; do
	before=$(total)
	check "rmmod under a guest, $i" rmmod kvm_exitstat
	check "modprobe under a guest, $i" modprobe kvm_exitstat
	check "counts start again, $i" test "$(total)" -lt "$before"
	until [ "$(total)" -gt 1000 ]; do :; done
done
check "a vCPU that ran before the load is attached" grep -q "^1 0 \|^[0-9]* 0 " /sys/kernel/debug/kvm_exitstat/vcpus
wait $!
