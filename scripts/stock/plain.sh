#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# plain.sh SERIES DIRECTORY: on Debian 13, gets the newest amd64 kernel of the series 6.1 or 6.12 in Debian 12
# or 13, as packaged. Fills DIRECTORY/KERNEL: `version` of its package, and `packaged/` with its image and
# modules. Prints KERNEL, such as 6.1.0-40-amd64. Existing files are not fetched again. Needs root.
set -eu
[ $# = 2 ] || {
	echo "usage: $0 SERIES DIRECTORY" >&2
	exit 2
}
series=$1 directory=$2
case $series in
6.1) suite=bookworm ;;
6.12) suite=trixie ;;
*)
	echo "plain: neither 6.1 nor 6.12: $series" >&2
	exit 1
	;;
esac
# A series stays in its suite. Lists up to a day old suffice, so that a test need not wait for a mirror.
lists=$directory/$suite-lists
mkdir -p "$lists/partial"
sed -n "s/ trixie main$/ $suite main/p" /etc/apt/sources.list >"$directory/$suite.list"
with_suite() {
	command=$1
	shift
	LC_ALL=C "$command" -q -o APT::Sandbox::User=root -o Dir::Etc::SourceList="$directory/$suite.list" \
		-o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$lists" \
		-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= "$@"
}
# The output matters only if it fails.
apt_get() {
	with_suite apt-get "$@" >"$directory/apt.log" 2>&1 || {
		cat "$directory/apt.log" >&2
		exit 1
	}
}
[ -n "$(find "$lists" -name '*_Packages*' -mtime -1)" ] || apt_get update
image=$(with_suite apt-cache show linux-image-amd64 |
	sed -n "s/^Depends: \(linux-image-$series\.[^ ]*\) .*/\1/p" | sort -V | tail -n 1)
[ -n "$image" ] || {
	echo "plain: $suite has no kernel $series" >&2
	exit 1
}
kernel=${image#linux-image-}
version=$(with_suite apt-cache show "$image" | sed -n 's/^Version: //p' | sort -V | tail -n 1)
out=$directory/$kernel
if [ "$(cat "$out/version" 2>/dev/null)" != "$version" ]; then
	echo "==> fetching the package of Linux $kernel (100 MB)" >&2
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	rm -rf "$out"
	mkdir -p "$out"
	(
		cd "$work"
		apt_get download "$image=$version"
		dpkg-deb -x ./*.deb unpacked
	)
	# The same place as in Linux 7's packages.
	mkdir -p "$out/packaged/usr/lib"
	[ ! -e "$work/unpacked/lib/modules" ] || mv "$work/unpacked/lib/modules" "$out/packaged/usr/lib/modules"
	[ ! -e "$work/unpacked/usr/lib/modules" ] ||
		mv "$work/unpacked/usr/lib/modules" "$out/packaged/usr/lib/modules"
	cp "$work/unpacked/boot/vmlinuz-$kernel" "$out/packaged/usr/lib/modules/$kernel/vmlinuz"
	echo "$version" >"$out/version"
fi
echo "$kernel"
