#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Finds what is missing or too old for building and testing exitstat on Debian 12 or 13, and prints the commands
# that provide it. With --install it runs them (as root, or with sudo). With the word bench or report, also
# checks what only `make bench` or `make report` needs.
# Exit status: 0 if everything is there, 1 if something is missing.
set -u
cd "$(dirname "$0")/.." || exit 1

install=no bench=no report=no
for word; do
	case $word in
	--install) install=yes ;;
	bench) bench=yes ;;
	report) report=yes ;;
	*)
		echo "usage: preflight.sh [--install] [bench] [report]" >&2
		exit 2
		;;
	esac
done

. /etc/os-release
debian=${VERSION_ID:-}
if [ "${ID:-}" != debian ] || { [ "$debian" != 12 ] && [ "$debian" != 13 ]; }; then
	echo "preflight: this is ${PRETTY_NAME:-an unknown system}; the packages are named as on Debian 12 and 13" >&2
fi

# Debian 12's own rustc is too old for Linux 7.3; rustc-web is kept recent for browsers.
if [ "$debian" = 12 ]; then
	rust="rustc-web:/usr/bin/rustc rust-web-src:/usr/lib/rustlib/src/rust/library/core/src/lib.rs
	      cargo-web:/usr/bin/cargo rustfmt-web:/usr/bin/rustfmt rust-web-clippy:/usr/bin/clippy-driver"
else
	rust="rustc:/usr/bin/rustc rust-src:/usr/src/rustc-*/library/core/src/lib.rs cargo:/usr/bin/cargo
	      rustfmt:/usr/bin/rustfmt rust-clippy:/usr/bin/clippy-driver bindgen:/usr/bin/bindgen"
fi

# package:one of its files
packages="
	clang-19:/usr/bin/clang-19 lld-19:/usr/bin/ld.lld-19 llvm-19:/usr/bin/llvm-ar-19
	libclang-19-dev:/usr/lib/llvm-19/lib/libclang.so
	make:/usr/bin/make gcc:/usr/bin/gcc g++:/usr/bin/g++ libc6-dev:/usr/include/stdio.h flex:/usr/bin/flex
	bison:/usr/bin/bison bc:/usr/bin/bc libelf-dev:/usr/include/libelf.h
	libssl-dev:/usr/include/openssl/ssl.h kmod:/sbin/depmod cpio:/usr/bin/cpio
	pkg-config:/usr/bin/pkg-config zlib1g-dev:/usr/include/zlib.h libzstd-dev:/usr/include/zstd.h
	uuid-dev:/usr/include/uuid/uuid.h python3:/usr/bin/python3 perl:/usr/bin/perl
	patch:/usr/bin/patch xz-utils:/usr/bin/xz git:/usr/bin/git
	ca-certificates:/usr/sbin/update-ca-certificates curl:/usr/bin/curl openssl:/usr/bin/openssl
	bochs:/usr/bin/bochs bochsbios:/usr/share/bochs/BIOS-bochs-latest
	vgabios:/usr/share/bochs/VGABIOS-lgpl-latest
	qemu-system-x86:/usr/bin/qemu-system-x86_64 seabios:/usr/share/seabios/bios-256k.bin
	cpuid:/usr/bin/cpuid busybox-static:/bin/busybox isolinux:/usr/lib/ISOLINUX/isolinux.bin
	syslinux-common:/usr/lib/syslinux/modules/bios/ldlinux.c32 xorriso:/usr/bin/xorriso
	prometheus:/usr/bin/promtool tmux:/usr/bin/tmux mmdebstrap:/usr/bin/mmdebstrap e2fsprogs:/sbin/mke2fs
	$rust"
if [ $bench = yes ]; then
	packages="$packages linux-perf:/usr/bin/perf bpftrace:/usr/bin/bpftrace"
fi
if [ $report = yes ]; then
	packages="$packages
		fakeroot:/usr/bin/fakeroot
		zstd:/usr/bin/zstd"
fi

missing=
for entry in $packages; do
	set -- ${entry#*:} # a pattern, maybe
	[ -e "$1" ] || missing="$missing ${entry%%:*}"
done

as_root=
if [ "$(id -u)" != 0 ]; then
	as_root="sudo "
fi

status=0
if [ -n "$missing" ]; then
	command="${as_root}apt-get install -y --no-install-recommends$missing"
	if [ $install = yes ]; then
		echo "==> installing$missing"
		${as_root}apt-get update -q || exit 1
		DEBIAN_FRONTEND=noninteractive ${as_root}apt-get install -y -q --no-install-recommends $missing ||
			exit 1
	else
		for p in $missing; do
			echo "preflight: missing: $p" >&2
		done
		echo "preflight: run: $command" >&2
		status=1
	fi
fi

tools=$(sh scripts/toolchain.sh)
value() {
	echo "$tools" | sed -n "s/^$1=//p"
}

if [ -z "$(value RUSTC)" ]; then
	echo "preflight: no rustc >= 1.85 with its sources; on Debian the packages above give one, with rustup: rustup component add rust-src" >&2
	status=1
fi
if [ -z "$(value CARGO)" ]; then
	echo "preflight: no cargo >= 1.85; on Debian the packages above give one" >&2
	status=1
fi
if [ -z "$(value LLVM)" ]; then
	echo "preflight: no clang, lld and llvm-ar of one version from 17 up" >&2
	status=1
fi

if [ -z "$(value BINDGEN)" ]; then
	root=$(value BINDGEN_ROOT)
	if [ $install = yes ] && [ -n "$(value CARGO)" ]; then
		echo "==> building bindgen 0.72.1 (2 minutes)"
		"$(value CARGO)" install bindgen-cli --version 0.72.1 --locked --quiet --root "$root" || exit 1
	else
		echo "preflight: no bindgen >= 0.71.1; run: cargo install bindgen-cli --version 0.72.1 --locked --root $root" >&2
		status=1
	fi
fi

exit $status
