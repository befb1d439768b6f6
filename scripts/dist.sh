#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# dist.sh DIRECTORY: creates the files of a release: the source, the Debian packages, the command for any x86-64
# Linux, and their checksums. Uses what is committed, and rejects a tree with changes.
set -eu
cd "$(dirname "$0")/.."
fail() {
	echo "dist: $1" >&2
	exit 1
}
[ $# = 1 ] || fail "usage: $0 DIRECTORY"
[ -z "$(git status --porcelain)" ] || fail "there are changes that are not committed: git status"
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)
grep -q "^## $version$" CHANGELOG.md || fail "CHANGELOG.md has no section for $version"
[ "$(sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog)" = "$version" ] || fail "debian/changelog is not of $version"

scripts/build-debs.sh build/deb >/dev/null
scripts/build-cli.sh build/cli >/dev/null
rm -rf "$1"
mkdir -p "$1"
git archive --prefix="exitstat-$version/" --output "$1/exitstat-$version.tar" HEAD
tar --create --file "$1/exitstat-$version-x86_64.tar" --directory build/cli --sort=name --mtime=@0 --owner=0 \
	--group=0 --numeric-owner --transform="s,^\.,exitstat-$version-x86_64," .
# With a single thread the output does not depend on the machine.
xz --threads=1 "$1"/*.tar
cp build/deb/*.deb "$1"
(cd "$1" && sha256sum -- * >SHA256SUMS)
ls -l "$1"
