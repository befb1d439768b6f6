#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# stock.sh SERIES FLAVOUR: builds the modules for Debian 13's newest kernel of a series, such as 7.3 amd64, in a
# Debian 13 root, and prints their directory. For 6.1 and 6.12 it builds nothing and only fetches the packaged
# kernel.
# stock.sh --list: prints the directories of all kernels that were built for.
# stock.sh --bcc SERIES FLAVOUR: makes an archive with bcc's kvmexit for such a kernel, after the modules were
# built, and prints its path.
set -eu
cd "$(dirname "$0")/.."
root=debian13-packages
stock=${EXITSTAT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/exitstat}/$root/srv/stock
if [ "${1:-}" = --list ]; then
	for complete in "$stock"/*/module.id; do
		[ ! -e "$complete" ] || echo "${complete%/*}"
	done
	exit
fi
bcc=
if [ "${1:-}" = --bcc ]; then
	bcc=yes
	shift
fi
[ $# = 2 ] || {
	echo "usage: $0 [--bcc] SERIES FLAVOUR | --list, such as: $0 7.3 cloud-amd64" >&2
	exit 2
}
case $1 in
6.*)
	kernel=$(scripts/debian13.sh -r $root scripts/stock/plain.sh "$1" /srv/stock)
	echo "$stock/$kernel"
	exit
	;;
esac
kernel=$(scripts/debian13.sh -r $root sh -euc '
	kernel=$(scripts/stock/get.sh "$1" "$2" /srv/stock)
	out=/srv/stock/$kernel
	scripts/stock/build.sh "$kernel" "$out/slice" "$out" "$out/packaged/usr/lib/modules/$kernel" >&2
	echo "$kernel"' sh "$1" "$2")
[ -n "$bcc" ] || {
	echo "$stock/$kernel"
	exit
}
scripts/debian13.sh -r $root scripts/stock/bcc.sh "$kernel" "/srv/stock/$kernel/bcc.tar.gz" >&2
echo "$stock/$kernel/bcc.tar.gz"
