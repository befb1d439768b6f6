# An administrator's host: exitstat is installed, enabled, used with a libvirt domain, and removed.
# Files that the lab's disk lacks are missing before and after.
dpkg --verify "linux-modules-$kernel" >/tmp/verify
check "the packaged KVM is in use" packaged_kvm
check "apt installs the packages" installs
check "that alone changes nothing" sh -c ". /mnt/lab/host-lib.sh; packaged_kvm && nothing_in_updates"
check "exitstat says what the module would take" says "exitstat enable" exitstat --source device
check "without it, exitstat counts by BPF" sh -c 'exitstat | tee /dev/stderr | grep " bpf$"'
exitstat record -o /root/bpf.rec &
recorder=$!
until [ -s /root/bpf.rec ]; do kill -0 $recorder || break; done
check "enable is refused while BPF counts, and says how to end it" says "exitstat unpin" exitstat enable
kill -INT $recorder
wait $recorder
rm /root/bpf.rec
check "the exporter that counts by BPF starts as a service" systemctl start exitstat-export-bpf
check "it answers, and says who counts" sh -c '
	until curl --silent --fail http://127.0.0.1:9948/metrics >/tmp/metrics; do
		systemctl is-active exitstat-export-bpf || exit 1
	done
	grep "^exitstat_build_info.*source=\"bpf\"" /tmp/metrics && wc -l /tmp/metrics'
check "as a user of its own, with two capabilities" sh -c '
	pid=$(systemctl show --property MainPID --value exitstat-export-bpf)
	ps -o user:20= -p "$pid" | tee /dev/stderr | grep -qx "exitstat-export *" || exit 1
	# CAP_PERFMON and CAP_BPF are 38 and 39.
	grep "^Cap\(Prm\|Eff\|Bnd\):" "/proc/$pid/status" | tee /dev/stderr | awk "\$2 != \"000000c000000000\" { exit 1 }"'
check "and is exposed to little" sh -c '
	systemd-analyze security exitstat-export-bpf --no-pager | tail -n 1 | tee /dev/stderr |
		grep -qE "exposure level for exitstat-export-bpf.service: [01]\.[0-9]"'
check "stopped, it leaves nothing" sh -c '
	systemctl stop exitstat-export-bpf || exit 1
	# The kernel frees programs shortly after their process has ended.
	timeout 20 sh -c "while grep _kvm_exit.*.bpf. /proc/kallsyms; do sleep 0.1; done"'

# A step that fails: a file that is not a module.
module=/usr/lib/exitstat/modules/$kernel/kvm-intel.ko.xz
mv "$module" /root/kvm-intel.ko.xz
echo "no module" >"$module"
check "when a step fails, all is put back" says "the packaged KVM is in use again" exitstat enable
check "and the packaged KVM is in use" sh -c ". /mnt/lab/host-lib.sh; packaged_kvm && nothing_in_updates"
check "nor is it put there for the next boot" says "kvm-intel is damaged" exitstat enable --next-boot
mv /root/kvm-intel.ko.xz "$module"
# A module that loads, but that another one cannot use.
module=/usr/lib/exitstat/modules/$kernel/kvm.ko.xz
mv "$module" /root/kvm.ko.xz
cp "/lib/modules/$kernel/kernel/arch/x86/kvm/kvm.ko.xz" "$module"
check "when loading fails, all is put back" says "the packaged KVM is in use again" exitstat enable
check "and the packaged KVM is in use, once more" sh -c ". /mnt/lab/host-lib.sh; packaged_kvm && nothing_in_updates"
mv /root/kvm.ko.xz "$module"

check "exitstat enable" exitstat enable
check "the module is loaded with KVM" test -e /sys/module/kvm_exitstat/parameters/guest_scope
check "the device is of the group exitstat" sh -c '
	udevadm settle
	stat --format "%U %G %a" /dev/kvm_exitstat | tee /dev/stderr | grep -qx "root exitstat 640"'
check "a key of the administrator's own is made" makes_key
check "enabling again, with a key, signs the modules" sh -c '
	exitstat enable --key /root/MOK.priv --cert /root/MOK.der
	for module in kvm kvm-intel kvm-amd kvm_exitstat; do
		modinfo --field signer "/lib/modules/$(uname -r)/updates/exitstat/$module.ko" | tee /dev/stderr |
			grep -qx exitstat || exit 1
	done'
check "and without one, does not" sh -c '
	copy=/lib/modules/$(uname -r)/updates/exitstat/kvm.ko.xz
	exitstat enable && [ -e "$copy" ] && [ -z "$(modinfo --field signer "$copy")" ]'

check "the exporter starts as a service" systemctl start exitstat-export
check "it answers" sh -c '
	until curl --silent --fail http://127.0.0.1:9948/metrics >/tmp/metrics; do
		systemctl is-active exitstat-export || exit 1
	done
	grep "^exitstat_build_info" /tmp/metrics && wc -l /tmp/metrics'
check "as a user of its own, of the group exitstat" sh -c '
	pid=$(systemctl show --property MainPID --value exitstat-export)
	ps -o user:20=,group:20= -p "$pid" | tee /dev/stderr | grep -q "^exitstat-export *exitstat *$"'
check "and is exposed to little" sh -c '
	systemd-analyze security exitstat-export --no-pager | tail -n 1 | tee /dev/stderr |
		grep -qE "exposure level for exitstat-export.service: [01]\.[0-9]"'
check "an upgrade leaves it running" sh -c '
	apt-get install -y --reinstall /mnt/debs/exitstat_*.deb && systemctl is-active exitstat-export'

oracle_arm
check "virt-install starts a domain" domain
check "in its console, cpuid reads all four leaves" sh -c '
	. /mnt/lab/host-lib.sh
	console "cpuid -1 -l 0x4FFFFFFF" "cpuid -1 -l 0x4FFFFFFE" "cpuid -1 -l 0x4FFFFFFD -s 10" \
		"cpuid -1 -l 0x4FFFFFFC -s 10" "cpuid -1 -l 0x4FFFFFFD -s 35" "exitstat guest | head -n 20" |
		tr -d "\r" >/tmp/console
	status=$?
	cat /tmp/console
	[ $status = 0 ] && grep -q "0x4fffffff 0x00: eax=0x[0-9a-f]*[1-9a-f]" /tmp/console &&
		grep -q "0x4ffffffe 0x00: eax=0x00000000" /tmp/console &&
		grep -q "0x4ffffffd 0x0a: eax=0x[0-9a-f]*[1-9a-f][0-9a-f]* .*edx=0x00000000" /tmp/console &&
		grep -q "0x4ffffffc 0x0a: eax=0x00000000" /tmp/console &&
		grep -q "0x4ffffffd 0x23: .*edx=0xffffffff" /tmp/console && grep -q "CPUID" /tmp/console'
check "exitstat vms has the domain" sh -c 'exitstat vms | tee /dev/stderr | grep -q "qemu"'
check "exitstat top shows it, live" sh -c '
	tmux new-session -d -s top -x 80 -y 24 "exitstat top"
	until tmux capture-pane -p -t top >/tmp/top && grep -q "HLT\|CPUID" /tmp/top; do
		tmux has-session -t top || exit 1
	done
	cat /tmp/top
	tmux send-keys -t top q
	grep -q "HLT\|CPUID" /tmp/top'
check "record and report" sh -c '
	. /mnt/lab/host-lib.sh
	exitstat record -o /root/l2.rec -- expect /mnt/lab/console.exp "cpuid -1 -l 0" >/dev/null &&
		exitstat report /root/l2.rec | tee /dev/stderr | grep -q CPUID'
check "by default, the exporter shows no details" sh -c '
	. /mnt/lab/host-lib.sh
	echo key >/sys/module/kvm_exitstat/parameters/detail && console "cpuid -1 -l 0" >/dev/null &&
		curl --silent --fail http://127.0.0.1:9948/metrics >/tmp/metrics && ! grep _key_ /tmp/metrics'
check "with the drop-in of docs/metrics.md, it does" sh -c '
	mkdir -p /etc/systemd/system/exitstat-export.service.d
	printf "%s\n" "[Service]" ExecStart= "ExecStart=/usr/bin/exitstat export --details 20" \
		AmbientCapabilities=CAP_PERFMON CapabilityBoundingSet=CAP_PERFMON PrivateUsers=no \
		>/etc/systemd/system/exitstat-export.service.d/details.conf
	systemctl daemon-reload && systemctl restart exitstat-export || exit 1
	until curl --silent --fail http://127.0.0.1:9948/metrics >/tmp/metrics; do
		systemctl is-active exitstat-export || exit 1
	done
	grep "^exitstat_host_key_exits_total.*key=\"other\"" /tmp/metrics'
rm -rf /etc/systemd/system/exitstat-export.service.d
echo off >/sys/module/kvm_exitstat/parameters/detail
check "and without it, it runs as before" sh -c 'systemctl daemon-reload && systemctl restart exitstat-export'
check "the journal has the table with log_every" sh -c '
	. /mnt/lab/host-lib.sh
	echo 100 >/sys/module/kvm_exitstat/parameters/log_every
	console "cpuid -1 -l 0" >/dev/null
	echo 0 >/sys/module/kvm_exitstat/parameters/log_every
	journalctl --dmesg --lines 60 --no-pager --output cat | grep "kvm_exitstat:.*CPUID"'
check "disable is refused while a domain runs, and says which process" says "qemu-system-x86" exitstat disable
check "virsh destroy" virsh destroy l2
agreement "a libvirt domain"

check "disable is refused while a program has the counters open" says "/dev/kvm_exitstat" sh -c '
	exec 3</dev/kvm_exitstat
	exitstat disable'
check "exitstat disable" exitstat disable
check "the packaged KVM is in use again" sh -c ". /mnt/lab/host-lib.sh; packaged_kvm && nothing_in_updates"
check "and runs the domain" sh -c '
	. /mnt/lab/host-lib.sh
	virsh start l2 && console "cpuid -1 -l 0x4FFFFFFD -s 35" | tr -d "\r" | tee /tmp/console &&
		! grep -q "0x4ffffffd 0x23: .*edx=0xffffffff" /tmp/console && virsh destroy l2'
check "purge" apt-get purge -y exitstat "exitstat-modules-$kernel"
check "leaves nothing but the packaged KVM" sh -c '
	. /mnt/lab/host-lib.sh
	! pgrep -x exitstat &&
	packaged_kvm && nothing_in_updates && [ ! -e /var/lib/exitstat ] && [ ! -e /usr/lib/exitstat ] &&
		dpkg --verify "linux-modules-$kernel" | cmp - /tmp/verify'
