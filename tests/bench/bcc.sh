# Cost of an exit under bcc's kvmexit, on the kernel of stock.sh; runs after measure.sh. bcc is large, so it has
# a separate machine.
modules=/lib/modules/$(uname -r)/kernel
insmod $modules/virt/lib/irqbypass.ko
insmod $modules/arch/x86/kvm/kvm.ko
insmod $modules/arch/x86/kvm/kvm-intel.ko

# In a separate root. bcc compiles its programs here, which takes minutes.
mkdir /bcc
tar -x -z -f /lab/bcc.tar.gz -C /bcc
for directory in proc sys dev; do
	mount --rbind /$directory /bcc/$directory
done
# A shell's background jobs ignore Ctrl-C, and Python inherits that.
chroot /bcc /usr/bin/python3 -u -c '
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_path("/usr/sbin/kvmexit-bpfcc", run_name="__main__")' >/tmp/kvmexit.out 2>&1 &
kvmexit=$!
until grep -q 'Hit Ctrl-C' /tmp/kvmexit.out; do
	kill -0 $kvmexit || break
	sleep 0.1
done
measure kvmexit "kvmexit-bpfcc"
kill -INT $kvmexit
wait $kvmexit
check "kvmexit saw the exits" sh -c "
	head -n 20 /tmp/kvmexit.out
	awk '\$3 ~ /CPUID/ { n += \$4 } END { print n, \"CPUID\"; exit n < 900 * $rounds }' /tmp/kvmexit.out"
