#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# upgrade.sh PACKAGES OLD OLD_VERSION NEW NEW_VERSION OTHER OTHER_VERSION: in a Debian 13 root with exitstat
# enabled for the kernel OLD, apt upgrades exitstat's packages, installs the kernel NEW with its modules, the
# kernel OTHER without any, and a revision of OLD, removes NEW, and purges exitstat. After each step, modprobe
# finds the right KVM for each kernel. Nothing is loaded, because this root does not boot.
set -eu
packages=$1 old=$2 old_version=$3 new=$4 new_version=$5 other=$6 other_version=$7
. "$(dirname "$0")/apt.sh"

# revised FILE.deb: creates the same package with a later revision.
revised() {
	rm -rf "$work/package"
	dpkg-deb -R "$1" "$work/package"
	sed -i 's/^Version: .*/&+1/; s/^\(Depends: .*\)exitstat (= \([^)]*\))/\1exitstat (= \2+1)/' \
		"$work/package/DEBIAN/control"
	dpkg-deb --build -Znone --root-owner-group "$work/package" "$work/revised" >/dev/null
}

# removed KERNEL: removes its image, so that the next run installs it.
removed() {
	apt_get purge "linux-image-$1" "linux-modules-$1" "linux-binary-$1"
}

# Left by an interrupted run.
purge_all >/dev/null 2>&1 || :
removed "$new"
removed "$other"

apt_get install --allow-downgrades "linux-modules-$old=$old_version"
apt_get install "$packages"/exitstat_*.deb "$packages/exitstat-modules-$old"_*.deb
uses "$old" kernel "installed"
# Effect of `exitstat enable` on the running kernel.
printf '\n\n' >/var/lib/exitstat/enabled
/usr/lib/exitstat/kvm refresh "$old"
uses "$old" updates "enabled"

rm "/lib/modules/$old/updates/exitstat/kvm-amd.ko.xz"
mkdir "$work/revised"
for package in "$packages"/exitstat_*.deb "$packages/exitstat-modules-$old"_*.deb; do
	revised "$package"
done
apt_get install "$work"/revised/*.deb
cmp "/lib/modules/$old/updates/exitstat/kvm-amd.ko.xz" "/usr/lib/exitstat/modules/$old/kvm-amd.ko.xz"
uses "$old" updates "exitstat upgraded"
rm "$work"/revised/*
apt_get install --allow-downgrades "$packages"/exitstat_*.deb "$packages/exitstat-modules-$old"_*.deb

apt_get install linux-base/trixie-backports "linux-image-$new=$new_version" "$packages/exitstat-modules-$new"_*.deb
uses "$new" updates "a kernel installed, with its modules"
uses "$old" updates "a kernel installed, with its modules"
apt_get install "linux-image-$other=$other_version"
grep "^exitstat: no modules are installed for $other version $other_version" "$work/apt"
uses "$other" kernel "a kernel installed, without"

(cd "$work" && apt_get download "linux-modules-$old=$old_version")
revised "$work"/linux-modules-*.deb
apt_get install "$work"/revised/linux-modules-*.deb
uses "$old" kernel "a revision of a kernel installed"

removed "$new"
! ls -d "/usr/lib/exitstat/modules/$new" "/lib/modules/$new/updates" 2>/dev/null | grep . || exit 1
echo "a kernel removed: its modules are gone"

apt_get install --allow-downgrades "linux-modules-$old=$old_version" "$packages/exitstat-modules-$old"_*.deb
uses "$old" updates "back at the revision that the modules are for"
apt_get remove exitstat
apt_get install "$packages"/exitstat_*.deb "$packages/exitstat-modules-$old"_*.deb
uses "$old" kernel "exitstat removed and installed again"
apt_get purge exitstat
uses "$old" kernel "exitstat purged"
! ls -d /var/lib/exitstat /usr/lib/exitstat /lib/modules/*/updates 2>/dev/null | grep . || exit 1
dpkg --verify "linux-modules-$old" "linux-modules-$other"
removed "$other"
