# Two observer modules: only one at a time, and each works.
refused() {
	modprobe "$1" 2>&1 | grep "Device or resource busy" && dmesg | grep "$1: $2"
}

modprobe kvm_intel
check "a second observer is refused: EBUSY, and the log says so" \
	refused kvm_exitstat_second "refused: -16$"
check "one compiled with another version of the header is refused: EINVAL" \
	sh -c 'dmesg | grep "kvm_exitstat_second: of another version: -22$"'
check "kvm_exitstat can go" rmmod kvm_exitstat
check "the other takes its place" modprobe kvm_exitstat_second
check "now kvm_exitstat is refused: EBUSY, and the log says why" \
	refused kvm_exitstat "another module already observes VM exits$"

oracle_arm
l2 | report second
traced=$(awk '/Hits:/ { print $2 }' /sys/kernel/tracing/events/kvm/kvm_exit/hist)
seen=$(cat /sys/module/kvm_exitstat_second/parameters/exits)
check "the other sees exactly the exits that are traced" test "$seen" = "$traced"
oracle_disarm

check "the other can go" rmmod kvm_exitstat_second
check "kvm_exitstat takes its place" modprobe kvm_exitstat
oracle_arm
l2
agreement again
