#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# try-kernel.sh TREE: checks whether exitstat fits another kernel: applies the shim to the Linux source in TREE
# and compiles KVM, kvm_intel and the module without warnings, in the lab's configuration. Takes 4 minutes on 2
# cores.
set -eu
[ $# = 1 ] && [ -e "$1/arch/x86/kvm/vmx/vmx.c" ] || {
	echo "usage: $0 TREE, where TREE is the source of Linux" >&2
	exit 2
}
tree=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
eval "$(sh scripts/toolchain.sh)"
[ -n "$RUSTC" ] && [ -n "$BINDGEN" ] && [ -n "$LLVM" ] || exec scripts/preflight.sh
[ ! -d "/usr/lib/llvm$LLVM/lib" ] || export LIBCLANG_PATH="/usr/lib/llvm$LLVM/lib"

log=$tree/exitstat-try.log
quietly() {
	"$@" >"$log" 2>&1 || {
		tail -n 40 "$log" >&2
		echo "try-kernel: failed: $*" >&2
		exit 1
	}
}
# Without the formatter, bindgen's output is merely unformatted.
kernel_make() {
	make -C "$tree" LLVM="$LLVM" RUSTC="$RUSTC" HOSTRUSTC="$RUSTC" BINDGEN="$BINDGEN" \
		RUSTFMT="${RUSTC%rustc}rustfmt" "$@"
}

[ -e "$tree/arch/x86/kvm/exit_observer.c" ] || scripts/apply-patches.sh "$tree"
echo "==> configuring"
quietly kernel_make allnoconfig
cat tests/lab/kernel/l1.config >>"$tree/.config"
quietly kernel_make olddefconfig
for option in CONFIG_RUST=y CONFIG_KVM_INTEL=m CONFIG_DEBUG_FS=y; do
	grep -qx "$option" "$tree/.config" || {
		echo "try-kernel: this kernel cannot have $option (with LLVM$LLVM: make rustavailable)" >&2
		exit 1
	}
done
echo "==> compiling KVM"
quietly kernel_make -j"$(($(nproc) + 1))" prepare modules_prepare arch/x86/kvm/
! grep -A5 'warning:' "$log" || exit 1
echo "==> compiling the module"
# KVM is not linked, so modpost cannot resolve its symbols.
quietly scripts/build-module.sh "$tree" "$tree/exitstat-try" EXITSTAT_TESTS=m KBUILD_MODPOST_WARN=1
! grep -A5 'warning:' "$log" || exit 1
echo "KVM and the module compile for Linux $(cat "$tree/include/config/kernel.release"), without warnings"
