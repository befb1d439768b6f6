#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# bench-cpu.sh [JSON]: measures recording and reading on the processor that is there, and memory. Tables
# go to the terminal, all figures to JSON (build/bench-cpu.json). Once all is built it takes about a
# minute. docs/bench.md says what is measured, and describes the keys.
set -eu
cd "$(dirname "$0")/.."
cargo=$(sh scripts/toolchain.sh | sed -n 's/^CARGO=//p')
json=${1:-build/bench-cpu.json}
# Nothing of an earlier run, which may have been on another machine.
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
