# The same guests on the unpatched kvm, on the patched one, and on an observed one, without and with details.
measure() {
	for program in cpuid pio wrmsr rdmsr; do
		bare $program --count 1000 --blind | report "$1 $program"
	done
}

modprobe irqbypass
insmod /lab/unpatched/kvm.ko
insmod /lab/unpatched/kvm-intel.ko
measure unpatched
rmmod kvm_intel kvm

modprobe kvm_intel
rmmod kvm_exitstat
measure patched

modprobe kvm_exitstat
measure observed

detail=/sys/module/kvm_exitstat/parameters/detail
echo key >$detail
measure detail
echo ip >$detail
measure detail_ip
echo off >$detail

# Cost of an answer for a guest with n vCPUs, and for the host, on one CPU.
scope=/sys/module/kvm_exitstat/parameters/guest_scope
bare leaf --eax 0 --count 200 | report "answer plain"
for n in 1 2 4 8 16 32 64; do
	bare leaf --eax 0x4ffffffd --ecx 1 --count 200 --vcpus $n | report "answer reason $n"
	bare leaf --eax 0x4fffffff --count 200 --vcpus $n | report "answer total $n"
done
echo host >$scope
bare leaf --eax 0x4ffffffd --ecx 1 --count 200 | report "answer host reason"
bare leaf --eax 0x4fffffff --count 200 | report "answer host total"
echo vm >$scope
