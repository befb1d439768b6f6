# Effects of single settings of a guest, its machine or KVM.
. /lab/study.sh

kvm
# Ten idle seconds.
one idle idle.sh "$quiet" $microvm -cpu host $serial
one idle-tick idle.sh "$quiet nohz=off" $microvm -cpu host $serial

# Reading a disk, with two request sizes.
dd if=/dev/zero of=/tmp/disk bs=1M count=8 2>/dev/null
drive='-drive file=/tmp/disk,format=raw,if=none,id=d'
one disk disk.sh "$quiet" $q35 $serial $drive -device virtio-blk-pci,drive=d
one disk-no-ioeventfd disk.sh "$quiet" $q35 $serial $drive \
	-device virtio-blk-pci,drive=d,ioeventfd=off

# Reading the clock.
one clock clock.sh "$quiet" $q35 $serial
one clock-acpi-pm clock.sh "$quiet clocksource=acpi_pm" $q35 $serial

# Features of the CPU, and KVM's use of them.
one minimal-xapic boot.sh "$quiet" $microvm -cpu host,-x2apic $serial
one q35-no-kvmclock boot.sh "$quiet" $q35,-kvmclock $serial

one memory-prealloc memory.sh "$quiet" $microvm,memory-backend=m -cpu host \
	-object memory-backend-ram,id=m,size=256M,prealloc=on $serial
one idle-cpu-pm idle.sh "$quiet" $microvm -cpu host -overcommit cpu-pm=on $serial
one idle-poll idle.sh "$quiet idle=poll" $microvm -cpu host $serial
kvm unrestricted_guest=0
one minimal-restricted boot.sh "$quiet" $microvm -cpu host $serial
kvm kvm.halt_poll_ns=0
one idle-no-halt-poll idle.sh "$quiet" $microvm -cpu host $serial
kvm preemption_timer=0
one idle-tick-no-timer idle.sh "$quiet nohz=off" $microvm -cpu host $serial
exit $status
