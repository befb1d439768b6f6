// SPDX-License-Identifier: GPL-2.0

//! What it costs to record an exit: in the module's way, in the one that it is compared with, and
//! what of it is the call alone. On one CPU, and on more at once, up to all.

use crate::group;
use criterion::{measurement::WallTime, BenchmarkGroup, BenchmarkId, Criterion};
use exitstat_bench::{
    host::Host,
    load::Load,
    recorder::{nothing, shared_atomics, Recorder},
    threads::{cpus, ladder, time},
};

pub fn recording(criterion: &mut Criterion) {
    let cpus = cpus().expect("the system says which CPUs there are");
    let host = Host::new(cpus.len() as u32, cpus.len() as u32);
    let mut group = group(criterion, "recording");
    for step in ladder(cpus.len()) {
        let cpus = &cpus[..step];
        // One after the other, so that what disturbs one disturbs all.
        bench(&mut group, "exitstat", &host, cpus, |n| host.recorder(n));
        bench(&mut group, "shared_atomics", &host, cpus, |_| {
            shared_atomics()
        });
        bench(&mut group, "nothing", &host, cpus, |_| nothing());
    }
    group.finish();
}

fn bench<'h>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    host: &'h Host,
    cpus: &[usize],
    recorder: impl Fn(u32) -> Recorder<'h> + Sync,
) {
    let load = Load::default();
    group.bench_function(BenchmarkId::new(name, cpus.len()), |bencher| {
        bencher.iter_custom(|exits| time(host, cpus, &load, exits, &recorder));
    });
}
