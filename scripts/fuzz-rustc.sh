#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# fuzz-rustc.sh RUSTC ARGUMENT...: rustc with libFuzzer's instrumentation, which is what cargo-fuzz
# asks of rustc, less the sanitizers, that a stable rustc does not have. As cargo's
# RUSTC_WORKSPACE_WRAPPER, so that our own crates are instrumented and no others. Build scripts, and
# what they link, are not either: cargo names no target for them.
case " $* " in
*" --target "*) ;;
*) exec "$@" ;;
esac
exec "$@" --cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 \
	-Cllvm-args=-sanitizer-coverage-level=4 \
	-Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
	-Cllvm-args=-sanitizer-coverage-pc-table \
	-Cllvm-args=-sanitizer-coverage-trace-compares
