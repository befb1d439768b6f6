// SPDX-License-Identifier: GPL-2.0

//! Snapshots reduced to some VMs, compared with the complete ones.

mod common;

use common::Host;
use exitstat_cli::{
    model::{Counts, Period, Sample, Scope, Unknown},
    source::some_vms::Retired,
};
use exitstat_core::snapshot::Header;
use proptest::{collection::vec, prelude::*};
use std::collections::BTreeSet;

/// Returns whether a VM is recorded.
fn is_chosen(vm: u64) -> bool {
    vm % 10 < 2
}

/// Reduces snapshots like `record`.
fn reduce(snapshots: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut retired = Retired::default();
    let mut before: Option<(Sample, BTreeSet<u64>)> = None;
    let reduce = |bytes: &Vec<u8>| {
        let sample = Sample::parse(bytes).unwrap();
        let vms = sample.counts.vms().into_iter();
        let chosen: BTreeSet<u64> = vms.filter(|vm| is_chosen(*vm)).collect();
        if let Some((before, chosen)) = &before {
            retired.add(before, &sample, chosen);
        }
        let reduced = retired.reduce(bytes, &chosen).unwrap();
        before = Some((sample, chosen));
        reduced
    };
    snapshots.iter().map(reduce).collect()
}

/// Returns the counters of each interval.
fn periods(snapshots: &[Vec<u8>]) -> Vec<Counts> {
    let samples: Vec<_> = snapshots
        .iter()
        .map(|bytes| Sample::parse(bytes).unwrap())
        .collect();
    let pairs = samples.windows(2);
    pairs
        .map(|pair| Period::between(&pair[0], &pair[1]).counts)
        .collect()
}

/// An interval: VM slots with their exits, and whether the VM then ends.
type Step = Vec<(u64, u32, u64, u64, bool)>;

/// Plays intervals. If a VM ended, its slot's next VM has a new number.
fn play(steps: &[Step]) -> Vec<Vec<u8>> {
    let mut host = Host::new(1);
    let mut generation = [1; 4];
    let mut snapshots = vec![host.snapshot(0)];
    let mut seen = BTreeSet::new();
    for (n, step) in steps.iter().enumerate() {
        for &(slot, reason, exits, cycles, ends) in step {
            let vm = 10 * generation[slot as usize] + slot;
            host.exits((0, vm, exits as u32 % 2), reason, exits, cycles, exits / 2);
            // A VM that no snapshot contains cannot be told from others.
            if ends && seen.contains(&vm) {
                host.end(vm);
                generation[slot as usize] += 1;
            }
        }
        let snapshot = host.snapshot(1000 * (n as u64 + 1));
        seen = Sample::parse(&snapshot)
            .unwrap()
            .counts
            .vms()
            .into_iter()
            .collect();
        snapshots.push(snapshot);
    }
    snapshots
}

fn step() -> impl Strategy<Value = Step> {
    let one = (0u64..4, 0u32..80, 1u64..9, 0u64..1 << 20, any::<bool>());
    vec(one, 0..5)
}

/// Returns the VMs that ended in an interval.
fn ended(before: &[u8], after: &[u8]) -> BTreeSet<u64> {
    let [before, after] = [before, after].map(|bytes| Sample::parse(bytes).unwrap());
    let ended = after.counts.ended_since(&before.counts).into_iter();
    ended.map(|id| id.0).collect()
}

proptest! {
    #[test]
    fn chosen_vms_have_all_their_exits_or_say_that_they_lack_some(steps in vec(step(), 1..8)) {
        let whole = play(&steps);
        let reduced = reduce(&whole);
        let mut was_incomplete = false;
        for (n, [whole_counts, counts]) in
            periods(&whole).into_iter().zip(periods(&reduced)).map(|(a, b)| [a, b]).enumerate()
        {
            prop_assert!(counts.vms().iter().all(|vm| is_chosen(*vm)));
            prop_assert!(!counts.has_host());
            let ended = ended(&whole[n], &whole[n + 1]);
            let with_others = ended.iter().any(|vm| is_chosen(*vm)) && !ended.iter().all(|vm| is_chosen(*vm));
            for vm in whole_counts.vms().into_iter().filter(|vm| is_chosen(*vm)) {
                let scope = Scope::Vm(vm);
                let unknown = counts.unknown_last_exits(scope);
                let expected = match (ended.contains(&vm), with_others || was_incomplete) {
                    (true, true) => Some(Unknown::Lost),
                    _ => whole_counts.unknown_last_exits(scope),
                };
                prop_assert_eq!(unknown, expected, "{}", vm);
                // After an incomplete snapshot, the last exits in the next interval are unknown too.
                if with_others || !was_incomplete || !ended.contains(&vm) {
                    prop_assert_eq!(counts.by_vcpus(scope), whole_counts.by_vcpus(scope), "{}", vm);
                }
            }
            was_incomplete = with_others;
        }
    }
}

/// Returns snapshots of a host with a chosen VM and another one, both of which take their last exits between
/// two snapshots.
fn two_vms_end(together: bool) -> Vec<Vec<u8>> {
    let mut host = Host::new(1);
    host.exits((0, 10, 0), 12, 100, 900, 0);
    host.exits((0, 19, 0), 12, 1000, 900, 0);
    let mut snapshots = vec![host.snapshot(0)];
    host.exits((0, 10, 0), 12, 5, 3000, 0);
    host.end(10);
    if together {
        host.exits((0, 19, 0), 12, 50, 900, 0);
        host.end(19);
    }
    snapshots.push(host.snapshot(1000));
    host.end(19);
    snapshots.push(host.snapshot(2000));
    snapshots
}

#[test]
fn last_exits_are_kept_unless_another_vm_ends_as_well() {
    for (together, exits, unknown) in [(false, 5, None), (true, 0, Some(Unknown::Lost))] {
        let reduced = reduce(&two_vms_end(together));
        let [first, second] = periods(&reduced).try_into().unwrap();
        for scope in [Scope::Vm(10), Scope::Host] {
            assert_eq!(first.by_vcpus(scope).unwrap().total().exits, exits);
            assert_eq!(first.unknown_last_exits(scope), unknown);
        }
        // No scope includes the exits of the other VM.
        assert_eq!(second.by_vcpus(Scope::Host), Some(Default::default()));
        assert_eq!(second.unknown_last_exits(Scope::Host), None);
    }
}

#[test]
fn totals_include_vms_that_ended() {
    let reduced = reduce(&two_vms_end(false));
    let last = Sample::parse(reduced.last().unwrap()).unwrap();
    let total = last.counts.by_vcpus(Scope::Host).unwrap().total();
    assert_eq!(total.exits, 105);
    // Exact, because it is the longest of all.
    assert_eq!(total.max, Some(3000));
    assert_eq!(last.header.size, reduced.last().unwrap().len() as u64);
    let header = Header {
        size: last.header.size,
        ..Sample::parse(&two_vms_end(false)[2]).unwrap().header
    };
    assert_eq!(last.header, header);
}

#[test]
fn a_reload_begins_anew() {
    let mut snapshots = two_vms_end(false);
    let mut host = Host::new(2);
    host.exits((0, 10, 0), 12, 3, 900, 0);
    snapshots.push(host.snapshot(3000));
    let reduced = reduce(&snapshots);
    let last = Sample::parse(reduced.last().unwrap()).unwrap();
    assert_eq!(last.counts.by_vcpus(Scope::Host).unwrap().total().exits, 3);
}
