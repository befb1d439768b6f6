# What docs/report.md has not yet: `make report R=more`. Not run so far.
. /lab/study.sh

kvm
# Nothing to do for ten seconds.
one idle idle.sh "$quiet" $microvm -cpu host $serial
one idle-tick idle.sh "$quiet nohz=off" $microvm -cpu host $serial

# Reading a disk, with requests of two sizes.
head -c 8M /dev/zero >/tmp/disk
drive='-drive file=/tmp/disk,format=raw,if=none,id=d'
one disk disk.sh "$quiet" $q35 $serial $drive -device virtio-blk-pci,drive=d
one disk-no-ioeventfd disk.sh "$quiet" $q35 $serial $drive \
	-device virtio-blk-pci,drive=d,ioeventfd=off

# Reading the clock.
one clock clock.sh "$quiet" $q35 $serial
one clock-acpi-pm clock.sh "$quiet clocksource=acpi_pm" $q35 $serial

# What the CPU has.
one minimal-xapic boot.sh "$quiet" $microvm -cpu host,-x2apic $serial
one minimal-no-kvmclock boot.sh "$quiet" $microvm -cpu host,-kvmclock $serial

one memory-prealloc memory.sh "$quiet" $microvm,memory-backend=m -cpu host \
	-object memory-backend-ram,id=m,size=256M,prealloc=on $serial
one idle-cpu-pm idle.sh "$quiet" $microvm -cpu host -overcommit cpu-pm=on $serial
one idle-poll idle.sh "$quiet idle=poll" $microvm -cpu host $serial
kvm kvm.halt_poll_ns=0
one idle-no-halt-poll idle.sh "$quiet" $microvm -cpu host $serial
kvm preemption_timer=0
one idle-tick-no-timer idle.sh "$quiet nohz=off" $microvm -cpu host $serial
exit $status
