#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# memory.sh [--sizes]: prints a table of the host memory that exitstat uses. Fails if a row exceeds
# rust/core/src/footprint.rs. With --sizes prints only a line per structure of KVM: its name, and its size
# without and with the patches. Needs both of the lab's kernels, built.
set -eu
cd "$(dirname "$0")/.."
tools=$(sh scripts/toolchain.sh)
value() {
	echo "$tools" | sed -n "s/^$1=//p"
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# sizes KDIR: prints a name and a size per line.
sizes() {
	mkdir "$work/objects"
	make -C "$1" M="$PWD/tests/memory" MO="$work/objects" LLVM="$(value LLVM)" \
		RUSTC="$(value RUSTC)" sizes.o >"$work/log" 2>&1 || { cat "$work/log" >&2; return 1; }
	nm -S "$work/objects/sizes.o" | while read -r _ size _ name; do
		echo "${name#size_of_} $((0x$size))"
	done | sort
	rm -r "$work/objects"
}

artifacts=$(scripts/lab artifacts)
eval "$artifacts"
sizes "$unpatched_kdir" >"$work/unpatched"
sizes "$kdir" >"$work/patched"
join "$work/unpatched" "$work/patched" >"$work/sizes"
if [ "${1:-}" = --sizes ]; then
	cat "$work/sizes"
else
	"$(value CARGO)" run --quiet --package exitstat-bench -- memory "$work/sizes"
fi
