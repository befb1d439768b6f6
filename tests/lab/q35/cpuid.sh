# Uses the virtio disk, then reads the leaves.
dd if=/dev/vda of=/dev/null bs=64k 2>/dev/null || exit
dd if=/dev/urandom of=/dev/vda bs=64k count=8 2>/dev/null || exit
[ -c /dev/hwrng ] || exit
# Each leaf with every class of %ecx: reasons taken, one never taken, not in the SDM.
for leaf in 0x4ffffffc 0x4ffffffd 0x4ffffffe 0x4fffffff; do
	for n in 0 1 10 12 30 31 32 37 48 86 \
		35 38 42 71 82 83 255 65535 65536 4294967295; do
		cpuid -1 -l $leaf -s $n
	done
done
