#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# root.sh MIRROR KERNEL VERSION DIRECTORY: creates an administrator's Debian 13 host with systemd, a kernel of
# trixie-backports and libvirt: DIRECTORY/disk, kernel and initrd. Needs root: uses sudo otherwise.
set -eu
[ "$(id -u)" = 0 ] || exec sudo sh "$0" "$@"
mirror=$1 kernel=$2 version=$3 dir=$4
root=$dir/root

# Without most drivers: with them depmod, which reads all modules, would take a quarter of an hour here.
mmdebstrap --quiet --variant=minbase --skip=output/dev \
	--include=systemd-sysv,udev,dbus,kmod,apt,initramfs-tools,linux-image-"$kernel" \
	--include=linux-kbuild-"${kernel%%-*}",openssl,xz-utils \
	--include=libvirt-daemon-system,libvirt-clients,virtinst,qemu-system-x86 \
	--include=expect,tmux,curl,cpuid,busybox-static,cpio,procps,mokutil \
	--aptopt='Apt::Install-Recommends "false"' \
	--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
	--dpkgopt='path-exclude=/usr/lib/modules/*/kernel/sound/*' \
	--dpkgopt='path-exclude=/usr/lib/modules/*/kernel/net/*' \
	--dpkgopt='path-exclude=/usr/lib/modules/*/kernel/drivers/*' \
	--dpkgopt='path-include=/usr/lib/modules/*/kernel/drivers/ata/*' \
	--dpkgopt='path-include=/usr/lib/modules/*/kernel/drivers/cdrom/*' \
	--dpkgopt='path-include=/usr/lib/modules/*/kernel/drivers/crypto/ccp/*' \
	--dpkgopt='path-include=/usr/lib/modules/*/kernel/drivers/scsi/s*_mod*' \
	--dpkgopt='path-include=/usr/lib/modules/*/kernel/drivers/scsi/scsi_common*' \
	--setup-hook='mkdir -p "$1/etc/apt/preferences.d"' \
	--setup-hook='printf "Package: linux-base\nPin: release n=trixie-backports\nPin-Priority: 600\n" >"$1/etc/apt/preferences.d/lab"' \
	--essential-hook='mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/usr/sbin"' \
	--essential-hook='echo MODULES=list >"$1/etc/initramfs-tools/conf.d/lab"' \
	--essential-hook='printf "ata_piix\nahci\nsd_mod\next4\n" >"$1/etc/initramfs-tools/modules"' \
	trixie "$root" "deb $mirror trixie main" "deb $mirror trixie-backports main"
grep -qx "Version: $version" "$root/var/lib/dpkg/status" || {
	echo "root.sh: $kernel is there in another version than $version" >&2
	exit 1
}

# An emulated machine is slow: nothing is left to do at the first boot, or in the background during a
# measurement.
echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
echo lab >"$root/etc/hostname"
echo "/dev/sda / ext4 defaults,noatime 0 0" >"$root/etc/fstab"
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
	fstrim.timer logrotate.timer systemd-pstore.service getty@tty1.service serial-getty@ttyS0.service \
	systemd-tmpfiles-clean.timer; do
	ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
cat >"$root/etc/systemd/system/lab.service" <<'EOF'
[Unit]
Description=What the lab wants done
After=multi-user.target
[Service]
Type=oneshot
Environment=HOME=/root TERM=xterm
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
ExecStart=/bin/sh -c 'modprobe sr_mod; udevadm settle; mount /dev/sr0 /mnt && exec sh /mnt/lab/main.sh'
ExecStopPost=/bin/systemctl poweroff --force
EOF
mkdir -p "$root/etc/systemd/system/default.target.wants"
ln -sf /etc/systemd/system/lab.service "$root/etc/systemd/system/default.target.wants/lab.service"
touch "$root/etc/.updated" "$root/var/.updated"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*

mv "$root/boot/vmlinuz-$kernel" "$dir/kernel" 2>/dev/null || cp "$root/usr/lib/modules/$kernel/vmlinuz" "$dir/kernel"
mv "$root/boot/initrd.img-$kernel" "$dir/initrd"
# Whole cylinders of 16 heads and 63 sectors.
truncate --size $((4200 * 516096)) "$dir/disk"
mke2fs -q -t ext4 -O ^has_journal -E lazy_itable_init=0 -d "$root" "$dir/disk"
rm -rf "$root"
