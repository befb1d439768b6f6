// SPDX-License-Identifier: GPL-2.0

//! Tables of VMs, and of a VM's vCPUs.

use super::{
    columns::{Column, Value},
    filter::selects,
    format::Time,
    listing::Listing,
};
use crate::{
    counted_by::CountedBy,
    model::{Period, Reasons, Vcpu},
    vm::identity::Identity,
};
use std::cmp::Reverse;

/// A VM, a vCPU, or the total.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Number of the VM or vCPU; `None` for the total.
    pub id: Option<u64>,
    name: String,
    pid: Option<u32>,
    vcpus: u64,
    exits: u64,
    rate: Option<f64>,
    kernel: Option<Time>,
    user: Option<Time>,
    cpus: Option<f64>,
}

const EXITS: Column<Row> = Column::number(("EXITS", "exits"), 11, Some(0), |row| {
    Value::Count(row.exits)
});
const RATE: Column<Row> = Column::number(("EXITS/S", "exits per second"), 7, None, |row| {
    Value::of(row.rate, Value::Rate)
});
const KERNEL: Column<Row> = Column::number(("KERNEL", "kernel time"), 7, None, |row| {
    Value::of(row.kernel, Value::Time)
});
const USER: Column<Row> = Column::number(("USER", "userspace time"), 7, None, |row| {
    Value::of(row.user, Value::Time)
});
const TIME: Column<Row> = Column::number(("TIME", "time"), 7, Some(2), |row| {
    let both = row.kernel.zip(row.user);
    Value::of(both, |(kernel, user)| {
        Value::Time(Time {
            cycles: kernel.cycles + user.cycles,
            ..kernel
        })
    })
});
const CPUS: Column<Row> =
    Column::number(("CPUS", "CPUs' worth of kernel time"), 7, Some(1), |row| {
        Value::of(row.cpus, Value::Cpus)
    });
const PID: Column<Row> = Column::number(("PID", "process id"), 7, Some(3), |row| {
    let label = |pid: u32| Value::Label(pid.into(), pid.to_string());
    Value::of(row.pid, label)
});

/// Columns of the table of VMs.
pub const VMS: [Column<Row>; 10] = [
    Column::name(("VM", "VM"), (7, 7, 7), None, id),
    PID,
    Column::number(("VCPUS", "vCPUs"), 5, Some(4), |row| {
        Value::Count(row.vcpus)
    }),
    EXITS,
    RATE,
    KERNEL,
    USER,
    TIME,
    CPUS,
    Column::name(("NAME", "name"), (8, 16, 64), None, |row| {
        Value::Label(0, row.name.clone())
    }),
];

/// Columns of the table of vCPUs.
pub const VCPUS: [Column<Row>; 7] = [
    Column::name(("VCPU", "vCPU"), (7, 7, 7), None, id),
    EXITS,
    RATE,
    KERNEL,
    USER,
    TIME,
    CPUS,
];

fn id(row: &Row) -> Value {
    let all = || Value::Label(0, "all".to_owned());
    let label = |id: u64| Value::Label(id, id.to_string());
    row.id.map_or_else(all, label)
}

/// Returns the name of a VM, or that of its process if it has none.
#[must_use]
pub fn name_of(vcpu: &Vcpu) -> String {
    let name = vcpu.identity.as_deref().and_then(Identity::name);
    name.unwrap_or_else(|| vcpu.process.clone())
}

/// Returns the total of all VMs, followed by the VMs that a listing selects.
#[must_use]
pub fn vms(period: &Period, listing: &Listing) -> Vec<Row> {
    let counts = &period.counts;
    let vcpus = counts.vcpus.values().map(|vcpu| &vcpu.reasons);
    let gone = counts.ended.values().chain([&counts.retired]);
    let mut all = Sum::of(vcpus.chain(gone));
    if counts.has_host() {
        let user_cycles = all.user_cycles;
        all = Sum::of(counts.cpus.values());
        all.user_cycles = user_cycles;
    }
    let all = Row {
        vcpus: counts.vcpus.len() as u64,
        ..all.row(period)
    };
    let one = |vm| {
        let vcpus = counts.vcpus_of(vm).map(|(_, vcpu)| &vcpu.reasons);
        let first = counts.vcpus_of(vm).next().map(|(_, vcpu)| vcpu);
        Row {
            id: Some(vm),
            name: first.map_or_else(String::new, name_of),
            pid: first.map(|vcpu| vcpu.pid),
            vcpus: counts.vcpus_of(vm).count() as u64,
            ..Sum::of(vcpus.chain(counts.ended.get(&vm))).row(period)
        }
    };
    arranged(all, counts.vms().into_iter().map(one), &VMS, listing)
}

/// Returns the total of a VM's vCPUs, followed by the vCPUs that a listing selects.
#[must_use]
pub fn vcpus(period: &Period, vm: u64, listing: &Listing) -> Vec<Row> {
    let counts = &period.counts;
    let vcpus = counts.vcpus_of(vm).map(|(_, vcpu)| &vcpu.reasons);
    let all = Sum::of(vcpus.chain(counts.ended.get(&vm))).row(period);
    let rows = counts.vcpus_of(vm).map(|(number, vcpu)| Row {
        id: Some(number.into()),
        ..Sum::of([&vcpu.reasons]).row(period)
    });
    arranged(all, rows, &VCPUS, listing)
}

fn arranged(
    all: Row,
    rows: impl Iterator<Item = Row>,
    columns: &[Column<Row>],
    listing: &Listing,
) -> Vec<Row> {
    let number = |row: &Row| row.id.map_or_else(String::new, |id| id.to_string());
    let selected = |row: &Row| selects(&listing.filter, &row.name, &number(row));
    let mut rows: Vec<_> = rows.filter(selected).collect();
    // Sort equal rows by exits.
    rows.sort_by_key(|row| Reverse(row.exits));
    listing.sort(columns, &mut rows);
    rows.insert(0, all);
    rows
}

/// Sums over reasons, without their histograms.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    exits: u64,
    cycles: u64,
    user_cycles: u64,
}

impl Sum {
    fn of<'a>(all: impl IntoIterator<Item = &'a Reasons>) -> Self {
        let mut sum = Self::default();
        for (_, counters) in all.into_iter().flat_map(Reasons::iter) {
            sum.exits = sum.exits.wrapping_add(counters.exits);
            sum.cycles = sum.cycles.wrapping_add(counters.cycles);
            sum.user_cycles = sum.user_cycles.wrapping_add(counters.user_cycles);
        }
        sum
    }

    fn row(self, period: &Period) -> Row {
        let timed = CountedBy::of(&period.end).has_times();
        let khz = Some(period.end.tsc_khz).filter(|&khz| khz != 0);
        let time = |cycles: u64| {
            let cycles = cycles as f64;
            timed.then_some(Time { cycles, khz })
        };
        let seconds = period.seconds.map(|seconds| seconds.0);
        let per_second = |amount: f64| Some(amount / seconds.filter(|&seconds| seconds > 0.0)?);
        let kernel = time(self.cycles);
        Row {
            id: None,
            name: String::new(),
            pid: None,
            vcpus: 0,
            exits: self.exits,
            rate: per_second(self.exits as f64),
            kernel,
            user: time(self.user_cycles),
            cpus: kernel.and_then(Time::seconds).and_then(per_second),
        }
    }
}

impl Row {
    /// Returns the exits per second, rounded, if the length of the period is known.
    #[must_use]
    pub fn whole_rate(&self) -> Option<u64> {
        self.rate.map(|rate| rate.round() as u64)
    }
}
