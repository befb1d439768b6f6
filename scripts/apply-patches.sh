#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# apply-patches.sh TREE: applies the shim, patches/series, to the Linux source in TREE: completely and without
# fuzz, or not at all. patches/kernels lists the kernels that it was tested on; others are tried.
# If TREE is a part of the source, files outside arch/ may be missing and are skipped.
set -eu
fail() {
	echo "apply-patches: $1" >&2
	exit 1
}

[ $# = 1 ] && [ -e "$1/arch/x86/kvm/vmx/vmx.c" ] || {
	echo "usage: $0 TREE, where TREE is the source of Linux" >&2
	exit 2
}
tree=$1
patches=$(cd "$(dirname "$0")/../patches" && pwd)
version=$(sed -n 's/^VERSION = //p' "$tree/Makefile").$(sed -n 's/^PATCHLEVEL = //p' "$tree/Makefile")
version=$version.$(sed -n 's/^SUBLEVEL = //p' "$tree/Makefile")

[ ! -e "$tree/arch/x86/kvm/exit_observer.c" ] || fail "$tree has the shim already"

known=$(grep -v '^#' "$patches/kernels" | cut -d ' ' -f 1)
if ! echo "$known" | grep -qxF "$version"; then
	echo "apply-patches: Linux $version has not been tested, only" $known >&2
fi

# On copies first: a series that does not apply changes nothing.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tree"
grep -v '^#' "$patches/series" | while read -r name; do
	awk -v tree="$tree" '
		/^diff --git / {
			file = substr($3, 3)
			there = (getline line <(tree "/" file)) >= 0
			close(tree "/" file)
			kept = there || file ~ /^arch\//
			if (kept)
				print file >>files
		}
		kept' files="$work/files" "$patches/$name" >"$work/$name"
done
sort -u "$work/files" | while read -r file; do
	mkdir -p "$work/tree/$(dirname "$file")"
	[ ! -e "$tree/$file" ] || cp -p "$tree/$file" "$work/tree/$file"
done
grep -v '^#' "$patches/series" | while read -r name; do
	patch -p1 --fuzz=0 --forward --no-backup-if-mismatch -d "$work/tree" -i "$work/$name" \
		>"$work/log" 2>&1 || {
		sed 's/^/    /' "$work/log" >&2
		fail "$name does not fit Linux $version; nothing in $tree was changed (docs/kernel-bump.md)"
	}
done
cp -R "$work/tree/." "$tree/"
