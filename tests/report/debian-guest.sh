#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# debian-guest.sh SUITE SOURCES DIRECTORY: creates a Debian guest for `make report` from the packages of SOURCES
# (a sources.list): kernel, initrd and disk.zst (ext4) in DIRECTORY.
set -eu
suite=$1 sources=$2 dir=$3

# An unconfigured small server: systemd, udev, D-Bus, a login on the serial port, and the kernel for virtual
# machines with its own initramfs. No man pages, to keep the lab's image small.
mmdebstrap --quiet --variant=minbase --format=tar --skip=output/dev \
	--include=systemd-sysv,udev,dbus,libpam-systemd,linux-image-cloud-amd64,initramfs-tools,zstd \
	--include=iproute2,iputils-ping \
	--aptopt='Apt::Install-Recommends "false"' \
	--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
	--dpkgopt='path-exclude=/usr/share/locale/*' \
	--customize-hook='echo guest >"$1/etc/hostname"' \
	--customize-hook='echo "/dev/vda / ext4 defaults 0 1" >"$1/etc/fstab"' \
	--customize-hook='sed -i "s/^root:[^:]*:/root::/" "$1/etc/shadow"' \
	"$suite" "$dir/root.tar" "$sources"

# fakeroot makes all files root's, whoever runs this.
fakeroot sh -eu -c '
	cd "$1"
	mkdir root
	tar -x -f root.tar -C root
	mkdir -p root/dev
	mv root/boot/vmlinuz-* kernel
	mv root/boot/initrd.img-* initrd
	rm -f root/vmlinuz* root/initrd.img*
	# Nothing is left to initialize during a measurement.
	mke2fs -q -t ext4 -E lazy_itable_init=0,lazy_journal_init=0 -d root disk 400M
' sh "$dir"
zstd -q -T0 -12 "$dir/disk" -o "$dir/disk.zst"
rm -rf "$dir/root" "$dir/root.tar" "$dir/disk"
chmod a+r "$dir"/*
