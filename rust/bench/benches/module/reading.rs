// SPDX-License-Identifier: GPL-2.0

//! What it costs to read all counters: the module's part, which is to write a snapshot, and the
//! command's, which is to parse it.

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

/// What it takes to do so many times what `f` does, and to drop what it gives.
fn time<T>(times: u64, f: impl Fn() -> T) -> Duration {
    let begin = time_on_cpu();
    for _ in 0..times {
        black_box(f());
    }
    time_on_cpu() - begin
}
