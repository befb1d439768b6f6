#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# fuzz-rustc.sh RUSTC ARGUMENT...: rustc with libFuzzer's instrumentation: the options of cargo-fuzz without the
# sanitizers, which stable rustc lacks. Used as cargo's RUSTC_WORKSPACE_WRAPPER, so that only the workspace's
# crates are instrumented. Build scripts and their dependencies are not, because cargo names no target for them.
case " $* " in
*" --target "*) ;;
*) exec "$@" ;;
esac
exec "$@" --cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 \
	-Cllvm-args=-sanitizer-coverage-level=4 \
	-Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
	-Cllvm-args=-sanitizer-coverage-pc-table \
	-Cllvm-args=-sanitizer-coverage-trace-compares
