#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# bcc.sh KERNEL ARCHIVE: on Debian 13, archives a small root that runs Debian's kvmexit-bpfcc on a kernel whose
# headers are installed: Python, bcc with its compiler, and the headers. For `make bench`. Needs root to install
# bcc.
set -eu
[ $# = 2 ] || {
	echo "usage: $0 KERNEL ARCHIVE" >&2
	exit 2
}
kernel=$1 archive=$2
headers=/usr/src/linux-headers-$kernel
id="4 $(sed -n 's/^#define LINUX_PACKAGE_ID//p' "$headers/include/generated/package.h")"
[ "$(cat "$archive.id" 2>/dev/null)" != "$id" ] || exit 0
log=$archive.log
LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get -q -y -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 \
	--no-install-recommends install bpfcc-tools python3-bpfcc >"$log" 2>&1 || {
	cat "$log" >&2
	exit 1
}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
python=$(readlink -f /usr/bin/python3)
common=$(sed -n 's/^include \(.*\)\/Makefile$/\1/p' "$headers/Makefile")
# kvmexit runs: cat /proc/cpuinfo | grep vendor_id | head -n 1.
programs="/usr/bin/sh /usr/bin/cat /usr/bin/grep /usr/bin/head"
# Their libraries, and those that Python loads.
libraries=$(ldd $programs "$python" /usr/lib/x86_64-linux-gnu/libbcc.so.0 /usr/lib/"${python##*/}"/lib-dynload/*.so |
	sed -n 's/^.* => \(\/[^ ]*\) .*/\1/p' | sort -u)
copy() {
	tar --create --dereference --absolute-names --exclude='*/test/*' --exclude='*.pyc' "$@" |
		tar --extract --directory "$root" --strip-components=0 --no-overwrite-dir --absolute-names \
			--transform "s,^/,$root/,"
}
copy "$python" /usr/bin/python3 "/usr/lib/${python##*/}" /usr/lib/python3/dist-packages/bcc \
	$programs /usr/sbin/kvmexit-bpfcc /usr/lib/x86_64-linux-gnu/libbcc.so.0 /lib64/ld-linux-x86-64.so.2 \
	/usr/lib/x86_64-linux-gnu/librt.so.1 $libraries
copy "$headers/include" "$headers/arch/x86/include" "$common/include" "$common/arch/x86/include"
mkdir -p "$root/lib/modules/$kernel" "$root/proc" "$root/sys" "$root/dev" "$root/tmp"
ln -s "$headers" "$root/lib/modules/$kernel/build"
ln -s "$common" "$root/lib/modules/$kernel/source"
[ -e "$root/bin" ] || ln -s usr/bin "$root/bin"
[ -e "$root/lib/x86_64-linux-gnu" ] || ln -s ../usr/lib/x86_64-linux-gnu "$root/lib/x86_64-linux-gnu"
tar --create --gzip --file "$archive" --directory "$root" .
echo "$id" >"$archive.id"
