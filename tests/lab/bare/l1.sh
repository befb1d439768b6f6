# Counts are the same as in rust/lab/src/suite/scenarios.rs.
modprobe kvm_intel
awk '/cpu MHz/ { printf "%d\n", $4 * 1000; exit }' /proc/cpuinfo | report tsc_khz
# Some mitigations take time on VM exit and entry.
cat /sys/devices/system/cpu/vulnerabilities/spectre_v2 2>&1 | report spectre_v2

# Costs first, with nothing else running.
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

# Exits that userspace finishes, and their time there, are distinguished. Columns of vcpus: VM, vCPU, process
# ID, exits, cycles, user exits, user cycles, process.
vcpus=/sys/kernel/debug/kvm_exitstat/vcpus
user_exits() { awk '$8 == "bare" { n = $6 } END { print n + 0 }' $vcpus; }
bare pio --count 100000000 &
pio=$!
until [ "$(user_exits)" -gt 5000 ] || ! kill -0 $pio; do :; done
kill -STOP $pio
grep ' bare$' $vcpus | report "row pio"
kill -KILL $pio
wait
bare pause | report pause
check "unloads" rmmod kvm_exitstat
