// SPDX-License-Identifier: GPL-2.0

//! Checks that the module's code works here as in a kernel, so that the measurements apply to it.

use exitstat_bench::{
    cases::{Case, CASES},
    host::Host,
    load::{Load, REASONS},
    recorder::{nothing, shared_atomics, shared_exits, Record},
    threads::{cpus, ladder, time},
    whole_exit,
};
use exitstat_cli::model::Sample;
use exitstat_core::snapshot::{Owner, Snapshot};

/// Returns the exits in each record: of CPUs, and of vCPUs.
fn exits(bytes: &[u8]) -> (Vec<u64>, Vec<u64>) {
    let (mut of_cpus, mut of_vcpus) = (Vec::new(), Vec::new());
    for record in Snapshot::parse(bytes).unwrap().records() {
        let record = record.unwrap();
        let exits = record.rows().map(|row| row.unwrap().head.exits).sum();
        match record.owner {
            Owner::Cpu(_) => of_cpus.push(exits),
            Owner::Vcpu(_) => of_vcpus.push(exits),
            // From earlier hosts.
            Owner::Retired => (),
        }
    }
    (of_cpus, of_vcpus)
}

#[test]
fn each_cpu_and_each_vcpu_counts_its_own_exits() {
    const EXITS: u64 = 12_345;
    let cpus = cpus().unwrap();
    let count = cpus.len() as u32;
    let load = Load::default();
    let host = Host::new(count + 1, count + 1);
    time(&host, &cpus, &load, EXITS, |vcpu| host.recorder(vcpu));
    // The last recorder does nothing.
    let mut expected = vec![Load::EXITS + EXITS; cpus.len()];
    expected.push(0);
    assert_eq!(exits(&host.snapshot()), (expected.clone(), expected));
}

#[test]
fn exits_of_a_vcpu_are_by_reason_with_a_histogram() {
    let load = Load::default();
    let host = Host::new(1, 1);
    host.recorder(0).record(&host.cpu(0), &load, Load::EXITS);
    let bytes = host.snapshot();
    let snapshot = Snapshot::parse(&bytes).unwrap();
    let records: Vec<_> = snapshot.records().map(Result::unwrap).collect();
    let vcpu = records.iter().find(|r| matches!(r.owner, Owner::Vcpu(_)));
    let mut rows = 0;
    for row in vcpu.unwrap().rows().map(Result::unwrap) {
        let of_reason = (0..Load::EXITS).map(|number| load.exit(number));
        let of_reason = of_reason.filter(|&(reason, _)| reason == u64::from(row.head.reason));
        let cycles: Vec<_> = of_reason.map(|(_, cycles)| cycles as u64).collect();
        assert_eq!(row.head.exits, cycles.len() as u64);
        assert_eq!(row.head.cycles, cycles.iter().sum::<u64>());
        assert_eq!(Some(&row.head.max), cycles.iter().max());
        assert_eq!(row.histogram().iter().sum::<u64>(), row.head.exits);
        rows += 1;
    }
    assert_eq!(rows, REASONS.len());
}

#[test]
fn the_shared_counters_lose_nothing_either() {
    let cpus = cpus().unwrap();
    let load = Load::default();
    let host = Host::new(cpus.len() as u32, 0);
    let before = shared_exits();
    time(&host, &cpus, &load, 1000, |_| shared_atomics());
    time(&host, &cpus, &load, 1000, |_| nothing());
    let expected = cpus.len() as u64 * (Load::EXITS + 1000);
    assert_eq!(shared_exits() - before, expected);
    assert_eq!(exits(&host.snapshot()).0, vec![0; cpus.len()]);
}

#[test]
fn whole_exits_are_counted_with_the_cycles_between_begin_and_end() {
    const EXITS: u64 = 5000;
    let cpus = cpus().unwrap();
    let load = Load::default();
    let host = Host::new(cpus.len() as u32, cpus.len() as u32);
    time(&host, &cpus, &load, EXITS, |vcpu| {
        whole_exit::observed(&host, vcpu)
    });
    time(&host, &cpus, &load, EXITS, |_| whole_exit::nothing());
    let bytes = host.snapshot();
    let expected = vec![Load::EXITS + EXITS; cpus.len()];
    assert_eq!(exits(&bytes), (expected.clone(), expected));
    let snapshot = Snapshot::parse(&bytes).unwrap();
    let records = snapshot.records().map(Result::unwrap);
    for record in records.filter(|record| record.owner != Owner::Retired) {
        let rows: Vec<_> = record.rows().map(Result::unwrap).collect();
        assert_eq!(rows.len(), REASONS.len());
        // No processor reads the TSC twice within a cycle.
        assert!(rows.iter().all(|row| row.head.cycles >= row.head.exits));
    }
}

#[test]
fn whole_exits_with_shared_counters_lose_nothing_either() {
    let cpus = cpus().unwrap();
    let load = Load::default();
    let host = Host::new(cpus.len() as u32, 0);
    let before = whole_exit::shared_exits();
    time(&host, &cpus, &load, 1000, |_| whole_exit::shared_atomics());
    let expected = cpus.len() as u64 * (Load::EXITS + 1000);
    assert_eq!(whole_exit::shared_exits() - before, expected);
}

#[test]
fn hosts_to_be_read_are_full() {
    for case in CASES {
        let Case { cpus, vcpus, .. } = case;
        let bytes = case.host().snapshot();
        let (of_cpus, of_vcpus) = exits(&bytes);
        let all = u64::from(cpus) * Load::EXITS;
        assert_eq!(of_cpus, vec![Load::EXITS; cpus as usize]);
        assert_eq!(of_vcpus, vec![all / u64::from(vcpus); vcpus as usize]);
        let rows = Snapshot::parse(&bytes).unwrap();
        for record in rows.records().map(Result::unwrap) {
            if record.owner != Owner::Retired {
                assert_eq!(record.rows().count(), REASONS.len());
            }
        }
        assert!(Sample::parse(&bytes).is_ok());
    }
}

#[test]
fn a_host_begins_with_nothing_and_leaves_nothing() {
    let load = Load::default();
    for _ in 0..2 {
        let host = Host::new(3, 2);
        assert_eq!(exits(&host.snapshot()), (vec![0; 3], vec![0; 2]));
        host.recorder(1).record(&host.cpu(2), &load, 5);
        assert_eq!(exits(&host.snapshot()), (vec![0, 0, 5], vec![0, 5]));
    }
}

#[test]
fn the_ladder_has_powers_of_two_and_all() {
    for (cpus, steps) in [
        (1, &[1][..]),
        (2, &[1, 2]),
        (6, &[1, 2, 4, 6]),
        (8, &[1, 2, 4, 8]),
    ] {
        assert_eq!(ladder(cpus), steps);
    }
}
