#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# bump.sh SERIES: tries Debian's newest kernel of a series, such as 7.4. Fetches it and builds the modules for
# it, proves that the build without the shim is Debian's, boots it with the shim, and prints what to enter
# where.
set -eu
cd "$(dirname "$0")/.."
[ $# = 1 ] || {
	echo "usage: $0 SERIES, such as: $0 7.4" >&2
	exit 2
}
# The root may be old: update its package lists.
scripts/debian13.sh -r debian13-packages apt-get -q update >&2
for flavour in amd64 cloud-amd64; do
	directory=$(scripts/stock.sh "$1" $flavour)
done
version=$(cut -d - -f 1 "$directory/version")
EXITSTAT_SERIES=$1 scripts/lab test "stock-$1" "stock-$1-smp" "stock-$1-cloud-smp" "stock-$1-cost"
cat <<EOF
Linux $version, package $(cat "$directory/version"), works. To take it up:
  patches/kernels   $version booted
                    in place of the line for $1, if there is one
  README.md         its version, under "A kernel of your own"
  CHANGELOG.md      a line
If it is the newest series: SERIES in rust/lab/src/source.rs for the lab's own kernel, HOST in
rust/lab/src/stock.rs for its Debian host. Then: make test test-host
EOF
