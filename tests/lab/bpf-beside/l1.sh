# The module and BPF count at the same time. Both agree with the tracepoint, and so with each other.
. /lab/bpf-lib.sh
modprobe kvm_intel
count_by_bpf /tmp/bpf.rec
exitstat record --source device -i 0.2 -o /tmp/device.rec &
device=$!
until [ -s /tmp/device.rec ]; do sleep 0.01; done
oracle_arm
l2 -n 2 -s work.sh
check "a guest that both count ends well" ended_well $?
end_count
kill -INT $device
wait $device
agrees /tmp/bpf.rec "beside the module"
agreement "the module beside BPF"
exitstat diff /tmp/device.rec /tmp/bpf.rec
check "the module and BPF counted the same exits" sh -c '
	exitstat diff /tmp/device.rec /tmp/bpf.rec --format csv | awk -F, "
		{ print }
		NR > 1 { rows++; if (\$3 != \$4 || \$3 == 0) wrong = 1 }
		END { exit wrong || rows < 5 }"'
check "the comparison warns that the two measure times differently" sh -c '
	exitstat diff /tmp/device.rec /tmp/bpf.rec 2>&1 | grep "measure times differently"'
check "the module is what is read if nobody says otherwise" sh -c 'exitstat | grep "device, TSC"'
