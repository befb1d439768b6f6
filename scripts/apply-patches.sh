#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# apply-patches.sh TREE: applies the shim to the source of Linux 7.3.x, each patch without fuzz.
set -eu
[ $# = 1 ] && [ -e "$1/arch/x86/kvm/vmx/vmx.c" ] || {
	echo "usage: $0 TREE, where TREE is the source of Linux" >&2
	exit 2
}
patches=$(cd "$(dirname "$0")/../patches" && pwd)
series=$(sed -n 's/^VERSION = //p' "$1/Makefile").$(sed -n 's/^PATCHLEVEL = //p' "$1/Makefile")
[ -e "$patches/$series/series" ] || {
	echo "$0: no patches for Linux $series; there are: $(ls "$patches" | tr '\n' ' ')" >&2
	exit 1
}
grep -v '^#' "$patches/$series/series" | while read -r patch; do
	patch -p1 --fuzz=0 --forward --no-backup-if-mismatch -d "$1" -i "$patches/$series/$patch" || exit 1
done
