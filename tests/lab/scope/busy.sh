# Takes exits until the host, which loads and unloads the module meanwhile, writes a line to the serial port.
{
	read -r _ </dev/ttyS0
	touch /tmp/enough
} &
until [ -e /tmp/enough ]; do
	cpuid -r >/dev/null
done
