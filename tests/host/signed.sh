# A host that loads only signed modules, and does not have our key: it must keep its KVM and print the reason.
check "this kernel enforces signatures" grep -qx Y /sys/module/module/parameters/sig_enforce
check "the packaged KVM is in use" packaged_kvm
check "apt installs the packages" installs
check "exitstat enable is refused, and says what to do" says "signed by a key" exitstat enable
check "a key of the administrator's own is made" makes_key
check "a key that is not enrolled is refused" says "Key was rejected" \
	exitstat enable --key /root/MOK.priv --cert /root/MOK.der
check "nothing was put where modprobe looks" nothing_in_updates
check "the packaged KVM is in use still" packaged_kvm
check "it is unloaded" rmmod kvm_intel kvm
check "and after it was unloaded" packaged_kvm
check "refresh puts nothing there either" sh -c '
	. /mnt/lab/host-lib.sh
	touch /var/lib/exitstat/enabled
	/usr/lib/exitstat/kvm refresh "$kernel"
	nothing_in_updates'
check "nor if they are signed by a key that is not enrolled" sh -c '
	. /mnt/lab/host-lib.sh
	printf "/root/MOK.priv\n/root/MOK.der\n" >/var/lib/exitstat/enabled
	/usr/lib/exitstat/kvm refresh "$kernel"
	nothing_in_updates'
# As if signatures had not been enforced when exitstat was enabled.
check "at boot the packaged KVM replaces one that does not load" sh -c '
	. /mnt/lab/host-lib.sh
	rmmod kvm_intel kvm
	mkdir -p "/lib/modules/$kernel/updates"
	cp -r "/usr/lib/exitstat/modules/$kernel" "/lib/modules/$kernel/updates/exitstat"
	depmod "$kernel"
	! modprobe kvm_intel || exit 1
	systemctl start exitstat-fallback
	[ -e /sys/class/misc/kvm ] && packaged_kvm && nothing_in_updates'
check "purge" apt-get purge -y exitstat "exitstat-modules-$kernel"
check "leaves the packaged KVM" packaged_kvm
