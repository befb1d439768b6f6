# Modules that are unloaded and loaded in every order, and during an exit.
. /lab/counts.sh
modprobe kvm_intel
bare noise --vcpus 2 &
guest=$!
until [ "$(attached)" = 2 ]; do kill -0 $guest && moment || break; done
check "rmmod kvm_intel is refused while a guest runs" sh -c '! rmmod kvm_intel'
check "and the guest runs on" kill -0 $guest
kill -KILL $guest
wait $guest 2>/dev/null
check "no vCPU is attached any more" wait_for_none

for parameters in ept=0 "" unrestricted_guest=0 ""; do
	check "rmmod kvm_intel under the observer" rmmod kvm_intel
	check "rmmod kvm is refused under the observer" sh -c '! rmmod kvm'
	modprobe kvm_intel $parameters
	before=$(awk '$2 == "CPUID" { print $3 }' /sys/kernel/debug/kvm_exitstat/totals)
	check "a guest on kvm_intel reloaded ($parameters) is counted" bare cpuid --count 100
	after=$(awk '$2 == "CPUID" { print $3 }' /sys/kernel/debug/kvm_exitstat/totals)
	check "and in the host's totals ($parameters)" test $((after - before)) = 103
done

# Exits that are open while the module is loaded or unloaded: EPT violations on pages that arrive when the gate
# opens. If the module sees only their begin or end, they are not counted, and the time that passed is not
# charged to any exit.
khz=$(awk '/cpu MHz/ { printf "%d\n", $4 * 1000; exit }' /proc/cpuinfo)
totals=/sys/kernel/debug/kvm_exitstat/totals
mkfifo /tmp/gate
late_guest() {
	bare touch --count 3 --gate /tmp/gate --blind &
	guest=$!
	until grep -q handle_userfault /proc/$guest/wchan; do kill -0 $guest && moment || break; done
}
no_giant() {
	echo >/tmp/gate
	wait $guest
	check "the guest ends well: $1" ended_well $?
	awk '$2 == "EPT_VIOLATION" { print; n = $4; seen = $3 } END { exit n > '$khz' * 70 || !seen }' \
		$totals >/tmp/totals
	check "no giant exit appears: $1" ended_well $?
	cat /tmp/totals
}

late_guest
check "unloads in the middle of an exit" rmmod kvm_exitstat
check "loads in the middle of the same" modprobe kvm_exitstat
check "which is still open" grep handle_userfault /proc/$guest/wchan
no_giant "the module went and came"

rmmod kvm_exitstat
late_guest
check "loads in the middle of an exit that it did not see begin" modprobe kvm_exitstat
check "it is still open" grep handle_userfault /proc/$guest/wchan
no_giant "the module came"
check "unloads" rmmod kvm_exitstat
