#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# build-debs.sh DIRECTORY: builds exitstat's Debian packages in a Debian 13 root and puts them into DIRECTORY.
# They are for the newest kernels of all series that patches/kernels lists as booted. Does nothing if nothing
# has changed since.
set -eu
cd "$(dirname "$0")/.."
[ $# = 1 ] || {
	echo "usage: $0 DIRECTORY" >&2
	exit 2
}
root=debian13-packages
kernels= ids=
for series in $(sed -n 's/^\([0-9]*\.[0-9]*\)\.[0-9]* booted$/\1/p' patches/kernels); do
	for flavour in amd64 cloud-amd64; do
		directory=$(scripts/stock.sh "$series" "$flavour")
		kernels="$kernels ${directory##*/}"
		ids="$ids $(cat "$directory/module.id")"
	done
done
# Input of the packages.
id=$(scripts/files.sh | grep -zvE '^(\./)?(tests|docs|rust/(bare|bench|fuzz|lab|model))/' | sort -z | xargs -0 cat |
	{ cat && echo "$ids"; } | sha256sum)
if [ "$(cat "$1/id" 2>/dev/null)" = "$id" ]; then
	ls -l "$1"/*.deb
	exit
fi
scripts/debian13.sh -r $root scripts/stock/packages.sh /srv/stock /srv/packages $kernels
mkdir -p "$1"
rm -f "$1"/*.deb "$1/id"
cp "${directory%/stock/*}"/packages/*.deb "$1"
echo "$id" >"$1/id"
ls -l "$1"/*.deb
