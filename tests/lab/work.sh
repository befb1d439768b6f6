# Some of everything: processes, memory, serial port, timers, CPUID.
for i in 1 2 3 4 5; do
	dd if=/dev/zero of=/tmp/file bs=64k count=64 2>/dev/null
	cpuid -l 0x4fffffff
	usleep 20000
	(cat /tmp/file | md5sum) &
done
wait
