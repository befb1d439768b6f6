# The host: load the module, look, boot a guest.
run() {
	echo "l1# $*"
	"$@"
}
run modprobe kvm_intel
run lsmod
run cat /sys/module/kvm_exitstat/parameters/guest_scope
echo "l1# qemu-system-x86_64-microvm ... -cpu host   (boots L2)"
l2 >/tmp/l2.out
status=$?
sed '/^@sweep$/,/^@swept$/d; s/^/    /' /tmp/l2.out
sed -n '/^@sweep/,/^@swept/p' /tmp/l2.out | report sweep
[ $status = 0 ] || return $status
echo "l1# grep -v ' 0 0$' /sys/kernel/debug/kvm_exitstat/totals   (the guest is gone)"
grep -v ' 0 0$' /sys/kernel/debug/kvm_exitstat/totals
run rmmod kvm_exitstat
