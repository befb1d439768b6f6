#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# slice.sh TARBALL SLICE: archives the part of a kernel's source, such as /usr/src/linux-source-7.3.tar.xz, that
# build.sh adds to Debian's headers: KVM, Rust's part of the kernel, and the files that generate Rust's target.
# Packages built from the same source have the same slice, byte for byte.
set -eu
[ $# = 2 ] && [ -r "$1" ] || {
	echo "usage: $0 TARBALL SLICE" >&2
	exit 2
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The second script that reads Clang's version is new in 7.3.
tar --extract --file "$1" --directory "$work" --strip-components=1 --wildcards --no-wildcards-match-slash \
	'*/arch/x86/kvm' '*/virt/kvm' '*/rust' '*/drivers/base/base.h' '*/drivers/android/binder/*.h' \
	'*/scripts/Makefile' '*/scripts/generate_rust_target.rs' '*/scripts/rust_is_available*' \
	'*/scripts/rustc-*version.sh' '*/scripts/min-tool-version.sh'
tar --create --directory "$work" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u+rw,go=rX . |
	xz -6 >"$2.partial"
mv "$2.partial" "$2"
