# A guest that is a hypervisor: it runs KVM, which L1 put here, and its own guests.
cd /lab/kvm && insmod irqbypass.ko && insmod kvm.ko && insmod kvm-intel.ko || exit
for program in cpuid pio wrmsr rdmsr; do
	bare $program --count 100 --blind || exit
done
