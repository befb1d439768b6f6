# SPDX-License-Identifier: GPL-2.0
# Functions shared by the host's scripts.
export LC_ALL=C DEBIAN_FRONTEND=noninteractive LIBVIRT_DEFAULT_URI=qemu:///system
kernel=$(uname -r)

# Checks that Debian's KVM is in use and can create a VM.
packaged_kvm() {
	modprobe kvm_intel && [ -e /dev/kvm ] && [ ! -e /sys/module/kvm_exitstat ] || return
	modinfo --field filename kvm_intel | tee /dev/stderr | grep -q "/$kernel/kernel/arch/x86/kvm/kvm-intel.ko.xz"
}
nothing_in_updates() {
	! find "/lib/modules/$kernel/updates" -type f 2>/dev/null | grep .
}
# says TEXT COMMAND...: checks that a command fails and that its output contains the text.
says() {
	text=$1
	shift
	if "$@" >/tmp/says 2>&1; then
		cat /tmp/says
		echo "it did not fail"
		return 1
	fi
	cat /tmp/says
	grep -q "$text" /tmp/says
}
installs() {
	apt-get install -y /mnt/debs/exitstat_*.deb "/mnt/debs/exitstat-modules-${kernel}_"*.deb
}
# Creates an administrator's key as in docs/install.md: MOK.priv and MOK.der in /root.
makes_key() {
	openssl req -new -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=exitstat/ \
		-keyout /root/MOK.priv -outform DER -out /root/MOK.der
}
domain() {
	virt-install --name l2 --memory 128 --vcpus 1 --cpu host-passthrough --import --disk none --network none \
		--graphics none --osinfo detect=off,require=off --noautoconsole \
		--boot 'kernel=/mnt/lab/l2.kernel,initrd=/mnt/lab/l2.initrd,kernel_args=console=ttyS0 reboot=t quiet loglevel=3 l2.script=console.sh'
}
# Runs commands in the domain's console, and prints each with its output.
console() {
	expect /mnt/lab/console.exp "$@"
}
