# Modules that go and come in every order, and in the middle of an exit.
. /lab/counts.sh
modprobe kvm_intel
bare noise --vcpus 2 &
guest=$!
until [ "$(attached)" = 2 ]; do kill -0 $guest || break; done
check "rmmod kvm_intel is refused while a guest runs" sh -c '! rmmod kvm_intel'
check "and the guest runs on" kill -0 $guest
kill -KILL $guest
wait $guest 2>/dev/null
check "no vCPU is attached any more" wait_for_none

for parameters in ept=0 "" unrestricted_guest=0 ""; do
	check "rmmod kvm_intel under the observer" rmmod kvm_intel
	check "rmmod kvm is refused under the observer" sh -c '! rmmod kvm'
	oracle_arm $parameters
	before=$(awk '$2 == "CPUID" { print $3 }' /sys/kernel/debug/kvm_exitstat/totals)
	check "a guest on kvm_intel reloaded ($parameters) is counted" bare cpuid --count 100
	after=$(awk '$2 == "CPUID" { print $3 }' /sys/kernel/debug/kvm_exitstat/totals)
	check "and in the host's totals ($parameters)" test $((after - before)) = 103
done

# An exit that is open while the module goes and comes: EPT violations on pages that come late.
khz=$(awk '/cpu MHz/ { printf "%d\n", $4 * 1000; exit }' /proc/cpuinfo)
for order in "rmmod and modprobe meanwhile" "rmmod meanwhile, modprobe later"; do
	bare touch --count 3 --delay-ms 700 --blind &
	guest=$!
	until grep -q handle_userfault /proc/$guest/wchan; do kill -0 $guest || break; done
	check "unloads in the middle of an exit: $order" rmmod kvm_exitstat
	check "the exit is still open: $order" grep handle_userfault /proc/$guest/wchan
	if [ "$order" = "rmmod and modprobe meanwhile" ]; then
		modprobe kvm_exitstat
		check "still: $order" grep handle_userfault /proc/$guest/wchan
		wait $guest
		check "the guest ends well: $order" ended_well $?
	else
		wait $guest
		check "the guest ends well: $order" ended_well $?
		modprobe kvm_exitstat
	fi
	awk '{ print } $2 == "EPT_VIOLATION" { n = $4 } END { exit n > '$khz' * 70 }' \
		/sys/kernel/debug/kvm_exitstat/totals >/tmp/totals
	check "no giant exit appears: $order" ended_well $?
	grep EPT_VIOLATION /tmp/totals
done
check "unloads" rmmod kvm_exitstat
