# All four leaves, read with Debian's cpuid in guests of a host whose module was loaded by modprobe.
check "modprobe kvm_intel brings kvm_exitstat" sh -c '
	modprobe kvm_intel && lsmod && grep -q "^kvm_exitstat " /proc/modules'
oracle_arm
# Another guest takes exits of some reasons first. They must count for the host, not for the next guest.
for program in cpuid pio hlt rdmsr wrmsr; do
	bare $program --count 1000
done
echo host >/sys/module/kvm_exitstat/parameters/guest_scope
cat /sys/kernel/debug/kvm_exitstat/totals | report before
l2 -s cpuid.sh
check "guest ends well" ended_well $?
cat /sys/kernel/debug/kvm_exitstat/totals | report after
agreement "one CPU, microvm"
check "unloads" rmmod kvm_exitstat
