#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# get.sh SERIES FLAVOUR DIRECTORY: on Debian 13 with trixie-backports, gets the input of build.sh for the newest
# kernel of a series, such as 7.3 amd64. Installs its headers and the compilers, and fills DIRECTORY/KERNEL:
# `slice` of its source, `version` of its packages, and `packaged/` with its image and modules. Prints KERNEL,
# such as 7.3.4+deb13-amd64. Existing files are not fetched again. Needs root.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ $# = 3 ] || {
	echo "usage: $0 SERIES FLAVOUR DIRECTORY" >&2
	exit 2
}
series=$1 flavour=$2 directory=$3
mkdir -p "$directory"
# The output matters only if it fails.
apt_get() {
	LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get -q -y -o APT::Sandbox::User=root \
		-o Dpkg::Use-Pty=0 --no-install-recommends "$@" >"$directory/apt.log" 2>&1 || {
		cat "$directory/apt.log" >&2
		exit 1
	}
}
[ -e /usr/bin/bindgen ] || echo "==> installing compilers" >&2
apt_get install gcc-14 g++ make rustc rust-src bindgen flex bison bc libelf-dev libssl-dev pahole xz-utils kmod \
	patch python3

version=$(apt-cache show "linux-source-$series" | sed -n 's/^Version: //p' | sort -V | tail -n 1)
[ -n "$version" ] || {
	echo "get: trixie-backports has no linux-source-$series" >&2
	exit 1
}
kernel=${version%%-*}+deb13-$flavour
out=$directory/$kernel
if [ "$(cat "$out/version" 2>/dev/null)" != "$version" ]; then
	echo "==> fetching the packages of Linux $kernel (200 MB, with its source 350 MB)" >&2
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	rm -rf "$out"
	mkdir -p "$out/packaged"
	(
		cd "$work"
		apt_get install "linux-headers-$kernel=$version"
		apt_get download "linux-binary-$kernel=$version" "linux-modules-$kernel=$version"
		for package in *.deb; do
			dpkg-deb -x "$package" "$out/packaged"
		done
		# All flavours are built from one source.
		if [ ! -e "$directory/$version.slice" ]; then
			apt_get download "linux-source-$series=$version"
			dpkg-deb --fsys-tarfile linux-source-*.deb |
				tar --extract --to-stdout "./usr/src/linux-source-$series.tar.xz" >source.tar.xz
			"$here/slice.sh" source.tar.xz "$directory/$version.slice"
		fi
	)
	cp "$directory/$version.slice" "$out/slice"
	echo "$version" >"$out/version"
fi
echo "$kernel"
