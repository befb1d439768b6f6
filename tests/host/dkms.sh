#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# dkms.sh PACKAGES KERNEL VERSION: in a Debian 13 root, apt installs exitstat-dkms, and DKMS builds the modules
# for a kernel of trixie-backports. They have the code of those in the package exitstat-modules-KERNEL. Nothing
# is installed where modprobe looks. The source of an unknown kernel is fetched. Another compiler is rejected
# with the reason.
set -eu
packages=$1 kernel=$2 version=$3
cd "$(dirname "$0")/../.."
. tests/host/apt.sh
# Dependencies of a kernel's image, without the image: this root does not boot.
apt_get install --allow-downgrades "linux-headers-$kernel=$version" "linux-modules-$kernel=$version"
purge_all >/dev/null 2>&1 || :
apt_get install "$packages"/exitstat_*.deb "$packages"/exitstat-dkms_*.deb

built=$(echo /var/lib/dkms/exitstat/*/"$kernel"/x86_64/module)
dpkg-deb -x "$packages/exitstat-modules-${kernel}"_*.deb "$work/package"
for module in kvm kvm-intel kvm-amd kvm_exitstat; do
	case $(echo "$built/$module".ko*) in
	*.xz) xz --decompress --stdout "$built/$module.ko.xz" >"$work/$module.ko" ;;
	*) cp "$built/$module.ko" "$work/$module.ko" ;;
	esac
	scripts/stock/same-code.sh "$work/package/usr/lib/exitstat/modules/$kernel/$module.ko.xz" "$work/$module.ko"
	echo "$module: the code of the package"
done
[ "$(cat "/var/lib/exitstat/dkms/$kernel")" = "$version" ]
! find "/lib/modules/$kernel/updates" -type f 2>/dev/null | grep . || exit 1
echo "nothing is where modprobe looks"
uses "$kernel" kernel "not enabled"
# Effect of `exitstat enable` on the running kernel.
printf '\n\n' >/var/lib/exitstat/enabled
/usr/lib/exitstat/kvm refresh "$kernel"
uses "$kernel" updates "enabled"
rm /var/lib/exitstat/enabled
/usr/lib/exitstat/kvm refresh "$kernel"
uses "$kernel" kernel "disabled"

# A kernel without a slice in the package: its source is fetched and gives the same slice.
slice=$(echo /usr/src/exitstat-*/slices/"$version")
mv "$slice" "$work/slice"
# Otherwise it would not be built again.
rm "/var/lib/exitstat/dkms/$kernel"

# Another compiler: a rustc with another version.
mkdir "$work/bin"
printf '#!/bin/sh\n[ "$1" != --version ] || { echo "rustc 1.99.0 (of another day)"; exit; }\nexec /usr/bin/rustc "$@"\n' \
	>"$work/bin/rustc"
chmod +x "$work/bin/rustc"
mount --bind "$work/bin/rustc" /usr/bin/rustc
if /usr/lib/exitstat/dkms "$kernel" >"$work/said" 2>&1; then
	cat "$work/said"
	echo "another compiler was taken"
	exit 1
fi
umount /usr/bin/rustc
cmp "$work/slice" /var/lib/dkms/exitstat/*/build/slices/"$version"
echo "without a slice: fetched, the same"
mv "$work/slice" "$slice"
grep "^exitstat:\|^build-stock:\|rustc" "$work/said"
grep -q "was built with rustc 'rustc 1.85.1.* and here is 'rustc 1.99.0" "$work/said"

apt_get purge exitstat-dkms exitstat
! ls -d /var/lib/dkms/exitstat /usr/src/exitstat-* /var/lib/exitstat 2>/dev/null | grep . || exit 1
dpkg --verify "linux-modules-$kernel"
