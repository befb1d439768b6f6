# Counts are as in rust/lab/src/suite/scenarios.rs.
modprobe kvm_intel
awk '/cpu MHz/ { printf "%d\n", $4 * 1000; exit }' /proc/cpuinfo | report tsc_khz

# Costs first, with nothing beside.
bare cpuid --count 20000 | report alone
bare hog &
hog=$!
bare cpuid --count 20000 | report hogged
kill $hog
bare touch --count 8 --delay-ms 100 | report touch

# Exact counts, while a second guest takes exits as fast as it can.
bare noise &
noise=$!
for program in cpuid pio hlt rdmsr wrmsr; do
	bare $program --count 1000 | report "bare $program"
done
kill $noise
wait

# What user space had to finish is told apart: the port I/O and each program's last OUT.
bare pio --count 50 >/dev/null
check "unloads" rmmod kvm_exitstat
