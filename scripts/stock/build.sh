#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# build.sh KERNEL SLICE OUT [PACKAGED]: builds KVM's modules with the shim, and kvm_exitstat, into OUT, for a
# packaged Debian kernel. Needs the kernel's headers package, its slice of source (slice.sh), and the same
# compilers that Debian built the kernel with. As proof that these are right, it first builds KVM without the
# shim in OUT/control. The result must have the code of the packaged modules, which are in PACKAGED (default:
# /lib/modules).
#
# The headers lack the files that Rust modules need. They are built from the slice, in a private copy of the
# headers, OUT/base, once, which takes minutes. OUT/tree is a copy of it with the shim.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
fail() {
	echo "build-stock: $1" >&2
	exit 1
}
[ $# = 3 ] || [ $# = 4 ] || fail "usage: $0 KERNEL SLICE OUT [PACKAGED]"
kernel=$1 slice=$2 out=$3
packaged=${4:-/lib/modules/$kernel}/kernel/arch/x86/kvm
headers=/usr/src/linux-headers-$kernel

[ -e "$headers/Makefile" ] || fail "no headers of $kernel: apt install linux-headers-$kernel"
[ -e "$packaged/kvm.ko.xz" ] || fail "no packaged modules of $kernel: apt install linux-modules-$kernel"
[ -r "$slice" ] || fail "no slice of the source of $kernel: $slice"
config=$headers/include/config/auto.conf
option() {
	sed -n "s/^$1=//p" "$config" | tr -d '"'
}
[ "$(option CONFIG_RUST)" = y ] || fail "$kernel is built without Rust: Debian's kernels have it from 7.2 on"
[ "$(option CONFIG_KVM)" = m ] || fail "$kernel has KVM built in: it cannot be replaced"
[ -z "$(option CONFIG_MODVERSIONS)" ] || fail "$kernel has versions of symbols: this script does not make them"
same() {
	[ "$2" = "$3" ] ||
		fail "$kernel was built with $1 '$2', and here is '$3': install that one, as only it makes the kernel's symbols"
}
same rustc "$(option CONFIG_RUSTC_VERSION_TEXT)" "$(rustc --version 2>/dev/null)"
cc=x86_64-linux-gnu-gcc-14
same gcc "$(option CONFIG_CC_VERSION_TEXT)" "$($cc --version 2>/dev/null | head -n 1)"
same bindgen "$(option CONFIG_BINDGEN_VERSION_TEXT)" "$(bindgen --version workaround-for-0.69.0 2>/dev/null)"

mkdir -p "$out"
log=$out/build.log
: >"$log"
kernel_make() {
	LC_ALL=C make -C "$tree" -j"$(nproc)" "$@" >>"$log" 2>&1 || {
		tail -n 40 "$log" >&2
		fail "failed: make $*"
	}
}
modules="kvm kvm-intel kvm-amd"
# strip_to DIRECTORY FILE...: strips modules as for installation.
strip_to() {
	mkdir -p "$1"
	to=$1
	shift
	for file; do
		x86_64-linux-gnu-strip --strip-debug -o "$to/${file##*/}" "$file"
	done
}
kvm_files() {
	for module in $modules; do
		echo "$tree/arch/x86/kvm/$module.ko"
	done
}

# Version of this recipe for the base: increment it after a change. The version of the headers package is in
# package.h.
recipe=1
id="$recipe $(cat "$slice" "$headers/.config" "$headers/include/generated/package.h" | sha256sum)"
if [ "$(cat "$out/base.id" 2>/dev/null)" != "$id" ]; then
	rm -f "$out/base.id"
	# One tree of the headers common to all flavours, those of this flavour, and the slice.
	tree=$out/base
	rm -rf "$tree"
	mkdir -p "$tree"
	common=$(sed -n 's/^include \(.*\)\/Makefile$/\1/p' "$headers/Makefile")
	tar --create --directory "$common" --exclude=./scripts --exclude=./tools . | tar --extract --directory "$tree"
	tar --create --dereference --directory "$headers" --exclude=./Makefile . | tar --extract --directory "$tree"
	tar --extract --file "$slice" --directory "$tree" --skip-old-files
	# Use the configuration of the headers. Nothing here could regenerate it.
	: >"$tree/include/config/auto.conf.cmd"
	touch "$tree/include/config/auto.conf" "$tree/include/generated/autoconf.h" "$tree/include/generated/rustc_cfg"
	cat >>"$tree/Makefile" <<'EOF'

ifeq ($(need-sub-make),)
PHONY += exitstat-rust
exitstat-rust:
	$(Q)$(MAKE) $(build)=scripts scripts/target.json
	$(Q)$(MAKE) $(build)=rust
endif
EOF

	echo "==> $kernel: Rust's part of the kernel"
	kernel_make exitstat-rust
	# The built symbols must be those that the kernel exports: same compiler, source and configuration.
	sed -n 's/^EXPORT_SYMBOL_RUST_GPL(\(.*\));$/\1/p' "$tree"/rust/exports_*_generated.h | sort >"$out/rust.made"
	awk '$2 ~ /^_R/ || $2 ~ /^rust_helper_/ { print $2 }' "$headers/Module.symvers" | sort >"$out/rust.exported"
	awk '/^_R/ || /^rust_helper_/' "$out/rust.made" | cmp -s - "$out/rust.exported" ||
		fail "the symbols of Rust made here are not those that $kernel exports: compare $out/rust.made, rust.exported"

	echo "==> $kernel: KVM as it is packaged"
	kernel_make M=arch/x86/kvm modules
	strip_to "$out/control" $(kvm_files)
	for module in $modules; do
		"$root/scripts/stock/same-code.sh" "$packaged/$module.ko.xz" "$out/control/$module.ko" ||
			fail "what is built here is not what Debian built, and could not be trusted with the shim"
	done
	echo "$id" >"$out/base.id"
fi

id=$(cat "$out/base.id" "$root"/patches/*.patch | sha256sum)
tree=$out/tree
if [ "$(cat "$out/tree.id" 2>/dev/null)" != "$id" ]; then
	echo "==> $kernel: KVM with the shim"
	rm -rf "$out/tree.id" "$tree"
	cp -a "$out/base" "$tree"
	"$root/scripts/apply-patches.sh" "$tree"
	kernel_make M=arch/x86/kvm modules
	strip_to "$out" $(kvm_files)
	echo "$id" >"$out/tree.id"
fi
id=$(cat "$out/tree.id" "$root/Kbuild" "$root"/src/* "$root"/rust/core/src/* | sha256sum)
if [ "$(cat "$out/module.id" 2>/dev/null)" != "$id" ]; then
	echo "==> $kernel: kvm_exitstat"
	rm -rf "$out/module.id" "$out/module"
	kernel_make M="$root" MO="$out/module" KBUILD_EXTRA_SYMBOLS="$tree/arch/x86/kvm/Module.symvers" modules
	! grep -A5 'warning:' "$log" >&2 || fail "a warning"
	strip_to "$out" "$out/module/src/kvm_exitstat.ko"
	echo "$id" >"$out/module.id"
fi
