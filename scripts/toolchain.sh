#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Prints NAME=value lines with the tools that build the kernel, the module and the crates, and with the cache
# directory. A missing or outdated tool has an empty value; preflight.sh prints the remedy. All scripts ask
# here, so that they use the same tools.
#
# Environment variables of the same name override a choice: RUSTC (for kernel and module), BINDGEN, CARGO, LLVM
# (the suffix of clang's commands, such as -19), EXITSTAT_CACHE.
set -u

# at_least MINIMUM VERSION: returns whether the dotted VERSION is new enough.
at_least() {
	[ -n "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

version_of() {
	"$@" --version 2>/dev/null | grep -o '[0-9][0-9]*\.[0-9][0-9.]*[0-9]' | head -n 1
}

# The minimum versions are from scripts/min-tool-version.sh of Linux 7.3.
rustc_ok() {
	at_least 1.85.0 "$(version_of "$1")" &&
		[ -e "$("$1" --print sysroot)/lib/rustlib/src/rust/library/core/src/lib.rs" ]
}

cache=${EXITSTAT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/exitstat}

# Debian packages the sources of its rustc; rustup's has them only as a component.
if [ -z "${RUSTC:-}" ]; then
	for r in /usr/bin/rustc "$(command -v rustc)"; do
		if [ -x "$r" ] && rustc_ok "$r"; then
			RUSTC=$r
			break
		fi
	done
fi

bindgen_root=$cache/bindgen-0.72.1
if [ -z "${BINDGEN:-}" ]; then
	for b in "$bindgen_root/bin/bindgen" /usr/bin/bindgen "$(command -v bindgen)"; do
		if [ -x "$b" ] && at_least 0.71.1 "$(version_of "$b")"; then
			BINDGEN=$b
			break
		fi
	done
fi

if [ -z "${CARGO:-}" ]; then
	for c in "$(command -v cargo)" /usr/bin/cargo; do
		if [ -x "$c" ] && at_least 1.85.0 "$(version_of "$c")"; then
			CARGO=$c
			break
		fi
	done
fi

if [ -z "${LLVM:-}" ]; then
	for suffix in -19 -20 -21 -18 -17; do
		if [ -x "/usr/bin/clang$suffix" ] && [ -x "/usr/bin/ld.lld$suffix" ] &&
			[ -x "/usr/bin/llvm-ar$suffix" ]; then
			LLVM=$suffix
			break
		fi
	done
fi

cat <<EOF
EXITSTAT_CACHE=$cache
RUSTC=${RUSTC:-}
BINDGEN=${BINDGEN:-}
CARGO=${CARGO:-}
LLVM=${LLVM:-}
BINDGEN_ROOT=$bindgen_root
EOF
