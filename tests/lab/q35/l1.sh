# The full QEMU: PCI, BIOS, virtio devices, two vCPUs.
oracle_arm
dd if=/dev/zero of=/tmp/disk bs=1M count=4 2>/dev/null
l2 -M q35 -n 2 -m 192 -s cpuid.sh -- \
	-drive file=/tmp/disk,format=raw,if=none,id=disk \
	-device virtio-blk-pci,drive=disk -device virtio-rng-pci -device virtio-serial-pci
check "guest ends well" ended_well $?
agreement "q35 with virtio"
