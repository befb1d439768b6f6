#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# build-module.sh KDIR OUT [MAKE ARGUMENT...]: builds kvm_exitstat.ko against a patched and built kernel tree,
# with objects in OUT. The module is OUT/src/kvm_exitstat.ko.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
fail() {
	echo "build-module: $1" >&2
	exit 1
}

[ $# -ge 2 ] || fail "usage: $0 KDIR OUT [MAKE ARGUMENT...]"
kdir=$1 out=$2
shift 2

[ -e "$kdir/Makefile" ] || fail "$kdir is no kernel tree (make KDIR=... module)"
[ -e "$kdir/arch/x86/include/asm/kvm_exit_observer.h" ] ||
	fail "$kdir lacks the exit observer: run: scripts/apply-patches.sh $kdir, and build it"
[ -e "$kdir/include/config/auto.conf" ] || fail "$kdir is not configured and built"
grep -qx CONFIG_RUST=y "$kdir/include/config/auto.conf" ||
	fail "the kernel in $kdir is built without CONFIG_RUST: see 'make rustavailable' there"
[ -e "$kdir/rust/libkernel.rmeta" ] ||
	fail "$kdir lacks rust/libkernel.rmeta: it needs to be a tree that was built, not a headers package"

tools=$(sh "$root/scripts/toolchain.sh")
value() {
	echo "$tools" | sed -n "s/^$1=//p"
}
rustc=$(value RUSTC) bindgen=$(value BINDGEN) llvm=$(value LLVM)
[ -n "$rustc" ] && [ -n "$bindgen" ] && [ -n "$llvm" ] ||
	fail "a tool is missing: run: scripts/preflight.sh"

# A Rust module must be built by the same compiler as the kernel.
built_by=$(sed -n 's/^CONFIG_RUSTC_VERSION_TEXT=//p' "$kdir/include/config/auto.conf" | tr -d '"')
[ "$built_by" = "$("$rustc" --version)" ] ||
	fail "the kernel was built by '$built_by', and $rustc is '$("$rustc" --version)': pass RUSTC="

if [ -d "/usr/lib/llvm$llvm/lib" ]; then
	export LIBCLANG_PATH="/usr/lib/llvm$llvm/lib"
fi
mkdir -p "$out"
exec make -C "$kdir" M="$root" MO="$(cd "$out" && pwd)" LLVM="$llvm" RUSTC="$rustc" \
	HOSTRUSTC="$rustc" BINDGEN="$bindgen" RUSTFMT="${rustc%rustc}rustfmt" \
	CLIPPY_DRIVER="${rustc%rustc}clippy-driver" "$@" modules
