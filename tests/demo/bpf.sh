# A host whose kernel has no part of exitstat. The command is the only addition.
run() {
	echo "l1# $*"
	"$@"
}
run uname -r
run grep -m 1 "model name" /proc/cpuinfo
modprobe $VENDOR
echo "l1# exitstat record -o boot.rec &"
exitstat record -i 0.5 -o boot.rec &
recorder=$!
until [ -s boot.rec ]; do sleep 0.01; done
echo "l1# qemu-system-x86_64-microvm ... -cpu host -smp 2   (boots L2)"
l2 -n 2 -s work.sh >/tmp/l2.out 2>&1
status=$?
kill -INT $recorder
wait $recorder
[ $status = 0 ] || {
	cat /tmp/l2.out
	return $status
}
run exitstat report boot.rec --time
run exitstat vms --from boot.rec
run exitstat explain NPF
