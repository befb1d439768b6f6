// SPDX-License-Identifier: GPL-2.0

//! Cost of recording an exit: by the module, by the method it is compared with, and of the call
//! alone; and of a whole exit, including the shim's part. On one CPU, and on up to all CPUs
//! concurrently.

use crate::group;
use criterion::{measurement::WallTime, BenchmarkGroup, BenchmarkId, Criterion};
use exitstat_bench::{
    host::Host,
    load::Load,
    recorder::{nothing, shared_atomics, Record},
    threads::{cpus, ladder, time},
    whole_exit,
};

pub fn recording(criterion: &mut Criterion) {
    let cpus = cpus().expect("the system says which CPUs there are");
    let host = Host::new(cpus.len() as u32, cpus.len() as u32);
    let mut group = group(criterion, "recording");
    for step in ladder(cpus.len()) {
        let cpus = &cpus[..step];
        // Interleaved, so that a disturbance affects all of them.
        bench(&mut group, "exitstat", &host, cpus, |n| host.recorder(n));
        bench(&mut group, "shared_atomics", &host, cpus, |_| {
            shared_atomics()
        });
        bench(&mut group, "nothing", &host, cpus, |_| nothing());
    }
    group.finish();
}

pub fn whole_exit(criterion: &mut Criterion) {
    let cpus = cpus().expect("the system says which CPUs there are");
    let host = Host::new(cpus.len() as u32, cpus.len() as u32);
    let mut group = group(criterion, "whole_exit");
    for step in ladder(cpus.len()) {
        let cpus = &cpus[..step];
        bench(&mut group, "exitstat", &host, cpus, |n| {
            whole_exit::observed(&host, n)
        });
        bench(&mut group, "shared_atomics", &host, cpus, |_| {
            whole_exit::shared_atomics()
        });
        bench(&mut group, "clock", &host, cpus, |_| whole_exit::clock());
        bench(&mut group, "nothing", &host, cpus, |_| {
            whole_exit::nothing()
        });
    }
    group.finish();
}

fn bench<R: Record>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    host: &Host,
    cpus: &[usize],
    recorder: impl Fn(u32) -> R + Sync,
) {
    let load = Load::default();
    group.bench_function(BenchmarkId::new(name, cpus.len()), |bencher| {
        bencher.iter_custom(|exits| time(host, cpus, &load, exits, &recorder));
    });
}
