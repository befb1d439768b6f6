// SPDX-License-Identifier: GPL-2.0

//! Snapshots from the device.

use exitstat_cli::model::{Counts, Period, Sample, Scope};
use exitstat_core::snapshot::Snapshot;

/// A parsed snapshot is complete. The difference of a sample from itself is empty. The counters of all VMs and
/// of retired vCPUs add up to those of all vCPUs.
pub fn run(data: &[u8]) {
    let Ok(sample) = Sample::parse(data) else {
        return;
    };
    let snapshot = Snapshot::parse(data).expect("it was one");
    assert!(snapshot.records().all(|record| {
        let record = record.expect("it was one");
        record.rows().all(|row| row.is_ok())
    }));

    let nothing = Period::between(&sample, &sample);
    if let Some(details) = nothing.details {
        for scope in [Scope::Host, Scope::Vm(1), Scope::Vcpu((1, 0))] {
            let entries = details.by(scope).expect("it is no CPU");
            assert_eq!(entries.iter().count(), 0, "{entries:?}");
        }
    }
    let nothing = nothing.counts;
    for scope in [Scope::Host, Scope::Cpu(0), Scope::Vm(1)] {
        if let Some(lines) = nothing.lines(scope) {
            assert!(lines.is_empty(), "{lines:?}");
        }
    }
    let counts = &sample.counts;
    let mut sum = counts.retired.clone();
    for vm in counts.vms() {
        sum.add(&counts.by_vcpus(Scope::Vm(vm)).expect("it is listed"));
    }
    assert_eq!(Some(sum), counts.by_vcpus(Scope::Host));
    // The period since the beginning has all counts.
    let tallies = |counts: &Counts| {
        let lines = counts.lines(Scope::Host).expect("a host has lines");
        lines.into_values().fold((0u64, 0u64), |sum, line| {
            let tally = line.tally;
            (
                sum.0.wrapping_add(tally.exits),
                sum.1.wrapping_add(tally.cycles),
            )
        })
    };
    assert_eq!(tallies(&counts.since(&Counts::default())), tallies(counts));
}
