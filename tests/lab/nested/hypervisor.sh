# A guest that is a hypervisor: KVM, which L1 has put here, and guests of its own.
cd /lab/kvm && insmod irqbypass.ko && insmod kvm.ko && insmod kvm-intel.ko || exit
for program in cpuid pio wrmsr rdmsr; do
	bare $program --count 100 --blind || exit
done
