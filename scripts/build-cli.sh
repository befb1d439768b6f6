#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# build-cli.sh DIRECTORY: puts the statically linked command exitstat into DIRECTORY, with its manual pages and
# completions.
set -eu
cd "$(dirname "$0")/.."
cargo=$(sh scripts/toolchain.sh | sed -n 's/^CARGO=//p')
triple=x86_64-unknown-linux-gnu

RUSTFLAGS="-C target-feature=+crt-static" "$cargo" build --quiet --release --target "$triple" \
	--package exitstat
mkdir -p "$1"
install "target/$triple/release/exitstat" "$1/exitstat"
rm -rf "$1/man" "$1/completions"
"$1/exitstat" documents "$1"
echo "$1:"
(cd "$1" && find . -type f | sort)
