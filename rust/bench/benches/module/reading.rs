// SPDX-License-Identifier: GPL-2.0

//! Cost of reading all counters: writing a snapshot, which the module does, and parsing it, which
//! the command does.

use crate::group;
use criterion::{BenchmarkId, Criterion};
use exitstat_bench::{cases::CASES, clock::time_on_cpu};
use exitstat_cli::model::Sample;
use std::{hint::black_box, time::Duration};

pub fn reading(criterion: &mut Criterion) {
    let mut group = group(criterion, "reading");
    for case in CASES {
        let host = case.host();
        let bytes = host.snapshot();
        Sample::parse(&bytes).expect("it is a snapshot");
        group.bench_function(BenchmarkId::new("write", case.name), |bencher| {
            bencher.iter_custom(|times| time(times, || host.snapshot()));
        });
        group.bench_function(BenchmarkId::new("parse", case.name), |bencher| {
            bencher.iter_custom(|times| time(times, || Sample::parse(&bytes)));
        });
    }
}

/// Returns the time to run `f` this many times and to drop the results.
fn time<T>(times: u64, f: impl Fn() -> T) -> Duration {
    let begin = time_on_cpu();
    for _ in 0..times {
        black_box(f());
    }
    time_on_cpu() - begin
}
