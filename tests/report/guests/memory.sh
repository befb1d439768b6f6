# 64 MiB that nobody has touched before, twice: the second time they are there.
mount -t tmpfs tmp /tmp
sleep 1
echo '@mark first'
sleep 1
dd if=/dev/zero of=/tmp/file bs=1M count=64 2>/dev/null || exit
echo '@mark again'
sleep 1
dd if=/dev/zero of=/tmp/file bs=1M count=64 conv=notrunc 2>/dev/null || exit
echo '@mark end'
