# The same guests on the unpatched kvm, on the patched one, and on one that is observed.
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
