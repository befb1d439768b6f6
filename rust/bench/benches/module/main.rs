// SPDX-License-Identifier: GPL-2.0

//! Cost of the module's code, measured by Criterion: recording first, then reading.

mod reading;
mod recording;

use criterion::{measurement::WallTime, BenchmarkGroup, Criterion, SamplingMode};
use std::time::Duration;

/// Creates a group of benchmarks, each of which takes about two seconds.
fn group<'c>(criterion: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group
        .sampling_mode(SamplingMode::Flat)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
        .sample_size(30);
    group
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    recording::recording(&mut criterion);
    recording::whole_exit(&mut criterion);
    reading::reading(&mut criterion);
    criterion.final_summary();
}
