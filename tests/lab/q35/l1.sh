# The full QEMU: PCI, BIOS, virtio devices, two vCPUs, and details of its exits.
. /lab/counts.sh
. /lab/detail-lib.sh
oracle_arm
capture both 4194304
details_arm
dd if=/dev/zero of=/tmp/disk bs=1M count=4 2>/dev/null
l2 -M q35 -n 2 -m 192 -s cpuid.sh -- \
	-drive file=/tmp/disk,format=raw,if=none,id=disk \
	-device virtio-blk-pci,drive=disk -device virtio-rng-pci -device virtio-serial-pci
check "guest ends well" ended_well $?
wait_for_none
details "q35 with virtio"
details_disarm
agreement "q35 with virtio"
