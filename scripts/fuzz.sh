#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# fuzz.sh [SECONDS [TARGET...]]: fuzzes all targets of rust/fuzz, or those named, each with a fixed number of
# runs from a fixed seed, or for SECONDS from a new seed. Prints a line per target, and then how many passed and
# failed. Findings stay in build/fuzz: failing inputs as TARGET-crash-..., inputs that reached new code in
# found/TARGET.
set -u
cd "$(dirname "$0")/.." || exit 1
out=$PWD/build/fuzz
target_triple=x86_64-unknown-linux-gnu

# fuzz.sh --one TARGET BOUND...: one of several parallel runs.
if [ "${1:-}" = --one ]; then
	target=$2
	shift 2
	rm -rf "$out/found/$target" && mkdir -p "$out/found/$target"
	log=$out/$target.log
	# New inputs go to the first directory. The one in git is only read.
	if EXITSTAT_FUZZ=$target RUST_BACKTRACE=0 "$out/target/$target_triple/fuzz/fuzz" "$@" -timeout=10 \
		-rss_limit_mb=1024 -artifact_prefix="build/fuzz/$target-" -print_final_stats=1 \
		"$out/found/$target" "rust/fuzz/corpus/$target" >"$log" 2>&1; then
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
		coverage=$(sed -n 's/^#[0-9]*\tDONE *cov: \([0-9]*\) ft: \([0-9]*\).*/\1 edges, \2 features/p' "$log")
		echo "ok     fuzz $target: $runs runs, $coverage"
	else
		# Print in one piece, because runs are parallel.
		echo "FAILED fuzz $target: $(sed -n 's/.*Test unit written to //p' "$log")
$(tail -n 40 "$log" | sed 's/^/    /')"
	fi
	exit
fi

cargo=$(sh scripts/toolchain.sh | sed -n 's/^CARGO=//p')
seconds=${1:-}
[ $# = 0 ] || shift
RUSTC_WORKSPACE_WRAPPER=$PWD/scripts/fuzz-rustc.sh "$cargo" build --quiet --profile fuzz \
	--package exitstat-fuzz --features libfuzzer --target "$target_triple" \
	--target-dir "$out/target" || exit 1

if [ -n "$seconds" ]; then
	set_bounds="-max_total_time=$seconds"
else
	# The timeout is only for machines that are far too slow.
	set_bounds="-seed=1 -runs=20000 -max_total_time=60"
fi
[ $# != 0 ] || set -- $(ls rust/fuzz/corpus)

results=$(mktemp)
trap 'rm -f "$results"' EXIT
printf '%s\n' "$@" | xargs -P "$(nproc)" -I '{}' sh scripts/fuzz.sh --one '{}' $set_bounds | tee "$results"
passed=$(grep -c '^ok     fuzz' "$results")
failed=$(($# - passed))
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed != 0 ]
