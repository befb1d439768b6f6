# Reads 8 MiB in pieces of 4 KiB and of 256 KiB, bypassing the page cache.
sleep 1
echo '@mark 4 KiB'
sleep 1
dd if=/dev/vda of=/dev/null bs=4k count=2048 iflag=direct 2>/dev/null || exit
echo '@mark 256 KiB'
sleep 1
dd if=/dev/vda of=/dev/null bs=256k count=32 iflag=direct 2>/dev/null || exit
echo '@mark end'
