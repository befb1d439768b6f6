#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# packages.sh STOCK OUT KERNEL...: on Debian 13, builds the packages in OUT from this tree and from build.sh's
# results in STOCK/KERNEL. Builds them twice, and fails if the results differ. Needs root to install its
# dependencies.
set -eu
cd "$(dirname "$0")/../.."
stock=$1 out=$2
shift 2
mkdir -p "$out"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
log=$out/log
quietly() {
	"$@" >"$log" 2>&1 || {
		tail -n 60 "$log" >&2
		echo "packages: failed: $*" >&2
		exit 1
	}
}
quietly apt-get install -y -q --no-install-recommends build-essential debhelper lintian cargo rustc \
	clang-19 libelf-dev libzstd-dev pkgconf zlib1g-dev

version=$(dpkg-parsechangelog --show-field Version)
tree=$out/exitstat-$version
make_tree() {
	rm -rf "$tree"
	mkdir "$tree"
	cp -a .cargo Cargo.lock Cargo.toml Kbuild LICENSE *.md contrib debian docs patches rust scripts src tests "$tree"
	cp debian/control.in "$tree/debian/control"
	for kernel; do
		for file in control.modules postinst prerm; do
			case $file in
			control.modules) from=debian/control.modules.in to=$tree/debian/control ;;
			*) from=debian/modules.$file.in to=$tree/debian/exitstat-modules-$kernel.$file ;;
			esac
			sed "s/@KERNEL@/$kernel/; s/@VERSION@/$(cat "$stock/$kernel/version")/" "$from" >>"$to"
		done
	done
}
build() {
	make_tree "$@"
	rm -f "$out"/*.deb "$out"/*.buildinfo "$out"/*.changes
	(
		cd "$tree"
		# Reuse compiled crates.
		CARGO_TARGET_DIR=$out/target EXITSTAT_STOCK=$stock quietly dpkg-buildpackage --build=binary --no-sign
	)
	(cd "$out" && sha256sum *.deb)
}
echo "==> building packages"
build "$@" >"$out/once"
rm -rf "$out"/target/release/exitstat "$out"/target/release/deps/exitstat-*
build "$@" >"$out/twice"
cmp "$out/once" "$out/twice" || {
	echo "packages: they differ from one build to the next" >&2
	exit 1
}
lintian --fail-on error --suppress-tags bad-distribution-in-changes-file "$out"/*.changes
