# Details: guests of the other runs again, with their keys.
. /lab/study.sh
recorded_what='--capture key'

kvm
modprobe kvm_exitstat
# Memory has many keys.
echo 1048576 >/sys/module/kvm_exitstat/parameters/detail_size
one minimal-keys boot.sh "$quiet" $microvm -cpu host $serial
one minimal-xapic-keys boot.sh "$quiet" $microvm -cpu host,-x2apic $serial
one minimal-q35-keys boot.sh "$quiet" $q35 $serial
one minimal-verbose-keys boot.sh console=ttyS0 $microvm -cpu host $serial
one print-serial-keys print.sh "$quiet" $q35 $serial
one print-hvc-keys print.sh "console=hvc0 quiet loglevel=3" $q35 \
	-device virtio-serial-pci -chardev stdio,id=c -device virtconsole,chardev=c
one clock-keys clock.sh "$quiet" $q35 $serial
one clock-acpi-pm-keys clock.sh "$quiet clocksource=acpi_pm" $q35 $serial
disk
recorded debian-keys 1m debian '' '' || status=1
disk
recorded debian-quiet-keys 1m debian quiet '' || status=1
exit $status
