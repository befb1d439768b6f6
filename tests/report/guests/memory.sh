# Writes 64 MiB of untouched memory, twice: the second time it is present.
mount -t tmpfs tmp /tmp
sleep 1
echo '@mark first'
sleep 1
dd if=/dev/zero of=/tmp/file bs=1M count=64 2>/dev/null || exit
echo '@mark again'
sleep 1
dd if=/dev/zero of=/tmp/file bs=1M count=64 conv=notrunc 2>/dev/null || exit
echo '@mark end'
