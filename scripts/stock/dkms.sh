#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# dkms.sh KERNEL: run by DKMS in its copy of /usr/src/exitstat-VERSION: builds the modules for a Debian kernel
# into built/. For kernels unknown to this package, fetches the source through apt.
set -eu
cd "$(dirname "$0")/../.."
fail() {
	echo "exitstat: $1" >&2
	exit 1
}
kernel=$1
package=/usr/src/linux-headers-$kernel/include/generated/package.h
[ -e "$package" ] || fail "no headers of $kernel: apt install linux-headers-$kernel"
version=$(sed -n 's/.*" Debian \(.*\)"$/\1/p' "$package")
[ -n "$version" ] || fail "$kernel is no kernel of Debian's; README.md tells how to build for one of your own"

slice=slices/$version
if [ ! -e "$slice" ]; then
	series=$(echo "$version" | cut -d . -f 1,2)
	source=linux-source-$series
	mkdir -p slices fetched
	if [ "$(dpkg-query --show --showformat '${Version}' "$source" 2>/dev/null)" = "$version" ]; then
		scripts/stock/slice.sh "/usr/src/$source.tar.xz" "$slice"
	else
		(cd fetched && apt-get download -q "$source=$version") ||
			fail "this kernel's source is needed, and apt cannot fetch it: $source, version $version"
		dpkg-deb --fsys-tarfile fetched/*.deb |
			tar --extract --to-stdout "./usr/src/$source.tar.xz" >fetched/source.tar.xz
		scripts/stock/slice.sh fetched/source.tar.xz "$slice"
		rm -rf fetched
	fi
fi
scripts/stock/build.sh "$kernel" "$slice" "$(pwd)/built"
mkdir -p /var/lib/exitstat/dkms
echo "$version" >"/var/lib/exitstat/dkms/$kernel"
rm -rf built/base built/tree built/module
