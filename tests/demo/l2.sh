# The guest: commands of a user, then a sweep over all reasons for the table.
run() {
	echo "l2# $*"
	"$@"
}
run cpuid -1 -l 0x4FFFFFFF
run cpuid -1 -l 0x4FFFFFFE
echo "# reason 10, CPUID: taken"
run cpuid -1 -l 0x4FFFFFFD -s 10
run cpuid -1 -l 0x4FFFFFFC -s 10
echo "# reason 37, monitor trap flag: never taken"
run cpuid -1 -l 0x4FFFFFFD -s 37
echo "# 35, 86, 65536: not in the SDM"
run cpuid -1 -l 0x4FFFFFFD -s 35
run cpuid -1 -l 0x4FFFFFFD -s 86
run cpuid -1 -l 0x4FFFFFFD -s 65536
echo @sweep
n=0
while [ $n -le 85 ]; do
	cpuid -1 -l 0x4FFFFFFD -s $n
	n=$((n + 1))
done
echo @swept
