# guest_scope and its errors, and loading and unloading while a guest runs.
parameter=/sys/module/kvm_exitstat/parameters/guest_scope

# Checks the end of the log. The kernel appends some lines of its own.
log_says() {
	dmesg | tail -n 3 >/tmp/log
	cat /tmp/log
	grep -q "$1" /tmp/log
}
bad_word() {
	if echo "$1" >$parameter; then
		echo "taken"
		return 1
	fi
	grep -qx vm $parameter && log_says "guest_scope must be one of vm, host, off; not '$1'$"
}
bad_load() {
	modprobe kvm_exitstat guest_scope=everyone 2>&1 | grep "Invalid argument" &&
		log_says "guest_scope must be one of vm, host, off; not 'everyone'$"
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
	check "a bad word is refused at run time: '$word'" bad_word "$word"
done
for word in host off vm; do
	check "a good word is taken at run time: $word" sh -c "
		echo $word >$parameter && grep -qx $word $parameter"
done

# Open files refer to operations in the module's memory.
for file in /dev/kvm_exitstat /sys/kernel/debug/kvm_exitstat/totals /sys/kernel/debug/kvm_exitstat/log; do
	case $file in
	*/log) exec 3>$file ;;
	*) exec 3<$file ;;
	esac
	check "rmmod is refused while ${file##*/} is open" sh -c '! rmmod kvm_exitstat'
	exec 3>&-
	modprobe kvm_exitstat
done

rmmod kvm_exitstat
check "a bad parameter makes modprobe fail with EINVAL" bad_load
check "and leaves nothing loaded" sh -c '! grep kvm_exitstat /proc/modules'

l2 -s leaves.sh | report unloaded
modprobe kvm_exitstat guest_scope=off
check "a good parameter is taken by modprobe" grep -qx off $parameter
l2 -s leaves.sh | report off

# With a running guest, which must not be affected. Its counts restart.
echo vm >$parameter
total() { awk '$2 == "CPUID" { print $3 }' /sys/kernel/debug/kvm_exitstat/totals; }
mkfifo /tmp/serial
exec 4<>/tmp/serial
l2 -s busy.sh <&4 &
guest=$!
for i in 1 2; do
	until [ "$(total)" -gt 500 ] || ! kill -0 $guest; do :; done
	before=$(total)
	check "rmmod under a guest, $i" rmmod kvm_exitstat
	check "modprobe under a guest, $i" modprobe kvm_exitstat
	check "counts start again, $i" test "$(total)" -lt "$before"
done
until [ "$(total)" -gt 500 ] || ! kill -0 $guest; do :; done
check "a vCPU that ran before the load is attached" \
	grep " 0 [0-9]* [1-9][0-9]* .* qemu" /sys/kernel/debug/kvm_exitstat/vcpus
check "the guest still runs" kill -0 $guest
echo enough >&4
wait $guest
check "the guest ends well" ended_well $?
