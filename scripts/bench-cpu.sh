#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# bench-cpu.sh [JSON]: measures recording and reading on this processor, and memory. Prints tables, and writes
# all figures to JSON (build/bench-cpu.json). Takes about a minute after the build. docs/bench.md describes the
# measurements and the keys.
set -eu
cd "$(dirname "$0")/.."
cargo=$(sh scripts/toolchain.sh | sed -n 's/^CARGO=//p')
json=${1:-build/bench-cpu.json}
# Remove results of earlier runs, which may be from another machine.
export CRITERION_HOME="$PWD/build/criterion"
rm -rf "$CRITERION_HOME"
mkdir -p "$CRITERION_HOME" "$(dirname "$json")"

scripts/memory.sh --sizes >build/kvm-sizes
"$cargo" bench --quiet --package exitstat-bench --no-run
echo "measuring, for a minute"
"$cargo" bench --quiet --package exitstat-bench >build/criterion.log 2>&1 || {
	cat build/criterion.log
	exit 1
}
"$cargo" run --quiet --package exitstat-bench -- results "$CRITERION_HOME" "$json" build/kvm-sizes
