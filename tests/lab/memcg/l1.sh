# VMs in memory cgroups: a vCPU's memory is charged to its VM's cgroup, and a VM at its limit survives.
. /lab/counts.sh
totals=/sys/kernel/debug/kvm_exitstat/totals
modprobe kvm_intel
rmmod kvm_exitstat

# guest NAME VCPUS: starts a guest in its own cgroup and stops it after each vCPU had exits and counters, which
# are then freed. So its process and KVM have allocated all other memory that they need.
guest() {
	vm=/sys/fs/cgroup/$1
	mkdir $vm
	sh -c "echo \$\$ >$vm/cgroup.procs && exec bare noise --nice 19 --vcpus $2" &
	guest=$!
	modprobe kvm_exitstat
	until [ "$(attached)" = $2 ]; do kill -0 $guest && moment || break; done
	stop $guest
	rmmod kvm_exitstat
}
# Prints the bytes charged to the guest, which must be stopped. A CPU's stock of charges, up to 256 KiB, is
# returned when the cgroup exceeds memory.high. Nothing else can be reclaimed.
charged() {
	echo 0 >$vm/memory.high
	echo max >$vm/memory.high
	cat $vm/memory.current
}
gone() {
	kill -KILL $guest
	wait $guest 2>/dev/null
}

guest charged 16
before=$(charged)
modprobe kvm_exitstat
kill -CONT $guest
until [ "$(attached)" = 16 ]; do kill -0 $guest && moment || break; done
stop $guest
loaded=$(charged)
rmmod kvm_exitstat
{
	echo "vcpus 16"
	echo "before $before"
	echo "loaded $loaded"
	echo "unloaded $(charged)"
} | report charged
gone

# There is room for a page that others may need, but not for a vCPU's counters.
guest full 2
echo $(($(charged) + 8192)) >$vm/memory.max
oracle_arm
modprobe kvm_exitstat
kill -CONT $guest
cpuid_exits() { awk '$2 == "CPUID" { print $3 }' $totals; }
until [ "$(cpuid_exits)" -gt 20000 ]; do kill -0 $guest && moment || break; done
check "a guest at its memory limit lives through a load" kill -0 $guest
check "nobody was killed for want of memory" grep -x "oom_kill 0" $vm/memory.events
check "neither of its vCPUs is attached" test "$(attached)" = 0
check "unattached tells of both" grep -x "unattached 2" $totals
check "a guest that has room is attached" sh -c 'bare cpuid --count 100 | grep -x "exits 101"'
gone
check "no vCPU is attached any more" wait_for_none
agreement "a guest at its memory limit" 2
dmesg | grep -i "memory cgroup out of memory"
check "unloads" rmmod kvm_exitstat
