// SPDX-License-Identifier: GPL-2.0

//! Counters of exits by reason and key, for Prometheus.
//!
//! Counts in the module's tables can decrease: another key may evict an entry, writing the parameter
//! `detail` resets all tables, or the table of destroyed vCPUs may be full. Prometheus treats a lower value
//! as a counter reset, and reports a burst of exits that never happened. This module therefore accumulates
//! the gains of each entry from snapshot to snapshot. Uncertain gains count as `other`.
//!
//! A snapshot reads a vCPU's details before its counters. The few exits in between are only in the counters
//! and count as `other`, which must not decrease at the next snapshot. A key therefore gains at most as
//! many exits as its reason; the rest is held back until the reason has more.
//!
//! Invariants of each reason: no series decreases, and keys plus `other` equal the vCPU counters.

use crate::{
    detail::{with_keys, Details},
    model::{Reasons, Sample, Scope, VcpuId},
    reason::Reason,
};
use exitstat_core::{
    detail::{Counts, Identity},
    key::has_keys,
    tally::Tally,
};
use std::{cmp::Reverse, collections::BTreeMap};

/// Minimum number of exits of an exported key. It excludes most keys of a guest's boot.
pub const LEAST: u64 = 100;

/// Counters by key.
#[derive(Debug)]
pub struct Keys {
    /// Maximum number of keys per reason.
    most: usize,
    /// The module's load.
    load: u64,
    /// Whether any snapshot had details.
    begun: bool,
    reasons: BTreeMap<Reason, Shares>,
    /// Entries of exported keys in the last snapshot.
    seen: Seen,
}

/// A reason's exits, divided among its keys.
#[derive(Debug, Default)]
struct Shares {
    /// The vCPU counters: the sum of all fields below.
    total: Tally,
    other: Tally,
    keys: BTreeMap<u64, Share>,
}

/// Exits of a key.
#[derive(Debug, Default)]
struct Share {
    shown: Tally,
    /// Exits held back, not included in `shown`.
    held: Tally,
}

/// Entries by vCPU; `None` for destroyed vCPUs.
type Seen = BTreeMap<(Option<VcpuId>, Identity), Tally>;

/// Exits of a reason with one key, or the other exits of the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The reason.
    pub reason: Reason,
    /// `None` for exits of keys without a series.
    pub key: Option<u64>,
    /// Exits and cycles.
    pub tally: Tally,
}

impl Keys {
    /// Creates counters of at most `most` keys per reason.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most,
            load: 0,
            begun: false,
            reasons: BTreeMap::new(),
            seen: Seen::new(),
        }
    }

    /// Iterates over the counters. There are none before the first snapshot with details.
    pub fn rows(&self) -> impl Iterator<Item = Row> + '_ {
        self.reasons.iter().flat_map(|(&reason, shares)| {
            let keys = shares.keys.iter();
            let keys = keys.map(|(&key, share)| (Some(key), share.shown));
            let all = keys.chain([(None, shares.other)]);
            all.map(move |(key, tally)| Row { reason, key, tally })
        })
    }

    /// Adds the next snapshot, which must have all vCPUs.
    pub fn update(&mut self, sample: &Sample) {
        let none = Details::default();
        let details = sample.details.as_ref();
        let details = details.filter(|_| with_keys(&sample.header));
        if !self.begun && details.is_none_or(Details::is_empty) {
            return;
        }
        let details = details.unwrap_or(&none);
        let totals = sample.counts.by_vcpus(Scope::Host).unwrap_or_default();
        if self.load != sample.header.load || self.went_down(&totals) {
            self.restart(sample.header.load);
        }
        // Keys of the first snapshot begin with all their exits. Later keys begin at 0, and their earlier
        // exits stay in `other`: `rate()` ignores the first value of a new series.
        if !self.begun {
            self.admit(sample, details);
        }
        let gained = self.gained(sample, details);
        if self.begun {
            self.admit(sample, details);
        }
        self.begun = true;
        self.seen = self.entries(sample, details).collect();
        self.divide(&totals, &gained);
    }

    /// Returns whether a reason's counters decreased, which implies a reload.
    fn went_down(&self, totals: &Reasons) -> bool {
        self.reasons.iter().any(|(reason, shares)| {
            let now = totals.get(*reason).map(|counters| counters.tally());
            let now = now.unwrap_or_default();
            now.exits < shares.total.exits || now.cycles < shares.total.cycles
        })
    }

    /// Resets all counters after a reload. Keys stay.
    fn restart(&mut self, load: u64) {
        self.load = load;
        self.seen.clear();
        for shares in self.reasons.values_mut() {
            let keys = std::mem::take(&mut shares.keys).into_keys();
            *shares = Shares {
                keys: keys.map(|key| (key, Share::default())).collect(),
                ..Shares::default()
            };
        }
    }

    /// Exports further keys up to the limit, those with the most exits first.
    fn admit(&mut self, sample: &Sample, details: &Details) {
        let isa = sample.header.isa();
        let mut exits = BTreeMap::<(Reason, u64), u64>::new();
        for (_, id, counts) in entries(details) {
            let number = id.reason;
            *exits.entry((Reason { isa, number }, id.key)).or_default() += counts.exits;
        }
        let mut exits: Vec<_> = exits.into_iter().collect();
        exits.retain(|&((reason, _), exits)| has_keys(reason.number) && exits >= LEAST);
        exits.sort_by_key(|&(_, exits)| Reverse(exits));
        for ((reason, key), _) in exits {
            let keys = &mut self.reasons.entry(reason).or_default().keys;
            if keys.len() < self.most {
                keys.entry(key).or_default();
            }
        }
    }

    /// Iterates over the entries of exported keys.
    fn entries<'a>(
        &'a self,
        sample: &Sample,
        details: &'a Details,
    ) -> impl Iterator<Item = ((Option<VcpuId>, Identity), Tally)> + 'a {
        let isa = sample.header.isa();
        entries(details).filter_map(move |(owner, id, counts)| {
            let number = id.reason;
            let shares = self.reasons.get(&Reason { isa, number })?;
            let tally = Tally {
                exits: counts.exits,
                cycles: counts.cycles,
            };
            let exported = shares.keys.contains_key(&id.key);
            exported.then_some(((owner, id), tally))
        })
    }

    /// Returns a lower bound of the exported keys' gains since the last snapshot.
    fn gained(&self, sample: &Sample, details: &Details) -> BTreeMap<(Reason, u64), Tally> {
        let isa = sample.header.isa();
        // The table of destroyed vCPUs as it would be with unlimited space and no further exits.
        let mut gone = BTreeMap::<Identity, Tally>::new();
        for (&(owner, id), &tally) in &self.seen {
            if owner.is_none_or(|vcpu| !sample.counts.vcpus.contains_key(&vcpu)) {
                let sum = gone.entry(id).or_default();
                *sum = sum.plus(tally);
            }
        }
        let mut gained = BTreeMap::<(Reason, u64), Tally>::new();
        for ((owner, id), now) in self.entries(sample, details) {
            let before = match owner {
                Some(_) => self.seen.get(&(owner, id)),
                None => gone.get(&id),
            };
            let before = before.copied().unwrap_or_default();
            let went_down = now.exits < before.exits || now.cycles < before.cycles;
            let more = match owner {
                // It was evicted and came back, or was reset: all its exits are new.
                Some(_) if went_down => now,
                // In the table of destroyed vCPUs, a decrease can also mean that an entry was dropped, so
                // nothing is certainly new.
                _ => now.saturating_sub(before),
            };
            let number = id.reason;
            let sum = gained.entry((Reason { isa, number }, id.key)).or_default();
            *sum = sum.plus(more);
        }
        gained
    }

    /// Divides the gains of each reason among its keys and `other`.
    fn divide(&mut self, totals: &Reasons, gained: &BTreeMap<(Reason, u64), Tally>) {
        for (reason, counters) in totals.iter() {
            if !has_keys(reason.number) {
                continue;
            }
            let shares = self.reasons.entry(reason).or_default();
            let mut left = counters.tally().saturating_sub(shares.total);
            shares.total = counters.tally();
            for (&key, share) in &mut shares.keys {
                let more = gained.get(&(reason, key)).copied().unwrap_or_default();
                let all = share.held.plus(more);
                let shown = Tally {
                    exits: all.exits.min(left.exits),
                    cycles: all.cycles.min(left.cycles),
                };
                share.shown = share.shown.plus(shown);
                share.held = all.saturating_sub(shown);
                left = left.saturating_sub(shown);
            }
            shares.other = shares.other.plus(left);
        }
    }
}

/// Iterates over all entries with their vCPUs.
fn entries(details: &Details) -> impl Iterator<Item = (Option<VcpuId>, Identity, Counts)> + '_ {
    details.by_owner().flat_map(|(owner, entries)| {
        let entries = entries.iter();
        entries.map(move |(&id, &counts)| (owner, id, counts))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Counters, Counts as AllCounts, Vcpu};
    use exitstat_core::snapshot::{Header, DETAIL_IP, DETAIL_KEY};
    use proptest::{collection::vec, prelude::*};

    /// MSR_WRITE, CPUID, and HLT, which has no keys.
    const REASONS: [u32; 3] = [32, 10, 12];

    /// Simulated host that counts like the module, with small tables, and keeps the exact counts.
    #[derive(Debug, Default)]
    struct Host {
        load: u64,
        detail: u32,
        reasons: BTreeMap<VcpuId, Reasons>,
        retired: Reasons,
        /// By vCPU; `None` for destroyed vCPUs.
        tables: BTreeMap<Option<VcpuId>, BTreeMap<Identity, Tally>>,
        /// Number of times that each VM ended, because VM numbers are not reused.
        ended: BTreeMap<u64, u64>,
        /// All exits by key since the module was loaded.
        truth: BTreeMap<(u32, u64), u64>,
    }

    /// An event on the host.
    #[derive(Clone, Debug)]
    enum Event {
        /// Exits of a vCPU: VM, index of the reason, key, instruction pointer, number of exits.
        Exits(u64, usize, u64, u64, u64),
        /// A VM's vCPU is destroyed.
        End(u64),
        /// Another key evicts an entry.
        Evict(usize),
        /// The parameter `detail` is written.
        Capture(u32),
        /// The module is reloaded.
        Reload,
    }

    /// Number of entries in a table.
    const ROOM: usize = 5;

    impl Host {
        fn new() -> Self {
            Self {
                load: 1,
                detail: DETAIL_KEY,
                ..Self::default()
            }
        }

        fn vcpu(&self, vm: u64) -> VcpuId {
            (10 * self.ended.get(&vm).unwrap_or(&0) + vm, 0)
        }

        fn exits(&mut self, vm: u64, reason: u32, key: u64, ip: u64, exits: u64) {
            let id = Identity {
                reason,
                key: if has_keys(reason) { key } else { 0 },
                ip,
                ..Identity::default()
            };
            let tally = Tally {
                exits,
                cycles: exits * (50 + key),
            };
            let vcpu = self.vcpu(vm);
            let reasons = self.reasons.entry(vcpu).or_default();
            reasons.count(Reason::vmx(reason), counters(tally));
            *self.truth.entry((reason, id.key)).or_default() += exits;
            if self.detail != 0 {
                let captured = Identity {
                    key: if self.detail == DETAIL_IP { 0 } else { id.key },
                    ..id
                };
                self.enter(Some(vcpu), captured, tally);
            }
        }

        /// Adds to a table, if it has space.
        fn enter(&mut self, owner: Option<VcpuId>, id: Identity, tally: Tally) {
            let table = self.tables.entry(owner).or_default();
            if table.len() < ROOM || table.contains_key(&id) {
                let sum = table.entry(id).or_default();
                *sum = sum.plus(tally);
            }
        }

        fn happen(&mut self, event: &Event) {
            match *event {
                Event::Exits(vm, reason, key, ip, exits) => {
                    self.exits(vm, REASONS[reason], key, ip, exits);
                }
                Event::End(vm) => {
                    let vcpu = self.vcpu(vm);
                    *self.ended.entry(vm).or_default() += 1;
                    if let Some(reasons) = self.reasons.remove(&vcpu) {
                        self.retired.add(&reasons);
                    }
                    let table = self.tables.remove(&Some(vcpu));
                    for (id, tally) in table.into_iter().flatten() {
                        self.enter(None, id, tally);
                    }
                }
                Event::Evict(n) => {
                    let tables = self.tables.iter();
                    let all =
                        tables.flat_map(|(&owner, table)| table.keys().map(move |&id| (owner, id)));
                    let all: Vec<_> = all.collect();
                    if let Some((owner, id)) = all.get(n % all.len().max(1)) {
                        self.tables.entry(*owner).or_default().remove(id);
                    }
                }
                Event::Capture(detail) => {
                    self.detail = detail;
                    self.tables.clear();
                }
                Event::Reload => {
                    *self = Self {
                        load: self.load + 1,
                        detail: self.detail,
                        ..Self::default()
                    };
                }
            }
        }

        /// Takes a snapshot. The events in `meanwhile` come after its details were read.
        fn sample(&mut self, meanwhile: &[Event]) -> Sample {
            let mut details = Details::default();
            for (&owner, table) in &self.tables {
                for (&id, tally) in table {
                    let counts = Counts {
                        exits: tally.exits,
                        cycles: tally.cycles,
                        ..Counts::default()
                    };
                    details.of_owner(owner).count(id, counts);
                }
            }
            meanwhile.iter().for_each(|event| self.happen(event));
            let vcpus = self.reasons.iter().map(|(&id, reasons)| {
                let vcpu = Vcpu {
                    reasons: reasons.clone(),
                    ..Vcpu::default()
                };
                (id, vcpu)
            });
            Sample {
                header: Header {
                    load: self.load,
                    detail: self.detail,
                    ..Header::default()
                },
                counts: AllCounts {
                    vcpus: vcpus.collect(),
                    retired: self.retired.clone(),
                    ..AllCounts::default()
                },
                details: Some(details),
            }
        }
    }

    fn counters(tally: Tally) -> Counters {
        Counters {
            exits: tally.exits,
            cycles: tally.cycles,
            ..Counters::default()
        }
    }

    /// Returns the exits of a reason by key; `None` for `other`.
    fn exits(keys: &Keys, reason: u32) -> Vec<(Option<u64>, u64)> {
        let rows = keys.rows().filter(|row| row.reason.number == reason);
        rows.map(|row| (row.key, row.tally.exits)).collect()
    }

    const TSC: u64 = 0x6e0;
    const ICR: u64 = 0x830;

    #[test]
    fn the_first_keys_begin_with_all_they_have_and_later_ones_at_0() {
        let (mut host, mut keys) = (Host::new(), Keys::new(2));
        host.detail = 0;
        host.exits(1, 32, TSC, 0, 1000);
        keys.update(&host.sample(&[]));
        assert_eq!(keys.rows().count(), 0);
        host.detail = DETAIL_KEY;
        host.exits(1, 32, TSC, 0, 500);
        host.exits(1, 32, ICR, 0, LEAST - 1);
        keys.update(&host.sample(&[]));
        assert_eq!(exits(&keys, 32), [(Some(TSC), 500), (None, 1099)]);
        host.exits(1, 32, ICR, 0, 21);
        host.exits(2, 32, ICR, 0, 30);
        host.exits(1, 32, TSC, 0, 7);
        keys.update(&host.sample(&[]));
        let expected = [(Some(TSC), 507), (Some(ICR), 0), (None, 1150)];
        assert_eq!(exits(&keys, 32), expected);
        // The limit is reached.
        host.exits(1, 32, ICR, 0, 3);
        host.exits(2, 32, 0x10, 0, 5000);
        keys.update(&host.sample(&[]));
        let expected = [(Some(TSC), 507), (Some(ICR), 3), (None, 6150)];
        assert_eq!(exits(&keys, 32), expected);
    }

    #[test]
    fn those_with_most_exits_come_first_and_instruction_pointers_are_summed_over() {
        let (mut host, mut keys) = (Host::new(), Keys::new(1));
        host.exits(1, 32, TSC, 0, 300);
        host.exits(1, 32, ICR, 0xa000, 200);
        host.exits(1, 32, ICR, 0xb000, 200);
        host.exits(1, 12, 0, 0xc000, 900);
        keys.update(&host.sample(&[]));
        let rows: Vec<_> = keys.rows().map(|row| (row.key, row.tally.exits)).collect();
        assert_eq!(rows, [(Some(ICR), 400), (None, 300)]);
    }

    #[test]
    fn what_a_table_loses_goes_nowhere() {
        let (mut host, mut keys) = (Host::new(), Keys::new(4));
        host.exits(1, 32, TSC, 0, 500);
        keys.update(&host.sample(&[]));
        // Its entry was evicted, and came back.
        host.happen(&Event::Evict(0));
        host.exits(1, 32, TSC, 0, 40);
        keys.update(&host.sample(&[]));
        assert_eq!(exits(&keys, 32), [(Some(TSC), 540), (None, 0)]);
        // Capturing stops and starts again.
        host.happen(&Event::Capture(0));
        host.exits(1, 32, TSC, 0, 5);
        keys.update(&host.sample(&[]));
        host.happen(&Event::Capture(DETAIL_KEY));
        host.exits(1, 32, TSC, 0, 2);
        keys.update(&host.sample(&[]));
        assert_eq!(exits(&keys, 32), [(Some(TSC), 542), (None, 5)]);
    }

    #[test]
    fn what_a_vcpu_had_is_not_counted_twice_when_it_goes() {
        let start = |before| {
            let (mut host, mut keys) = (Host::new(), Keys::new(4));
            host.exits(2, 32, TSC, 0, 100);
            host.happen(&Event::End(2));
            host.exits(1, 32, TSC, 0, 500);
            keys.update(&host.sample(&[]));
            assert_eq!(exits(&keys, 32), [(Some(TSC), 600), (None, 0)]);
            host.happen(&before);
            host.exits(1, 32, TSC, 0, 20);
            host.exits(1, 32, 0x10, 0, 50);
            (host, keys)
        };
        let nothing = Event::Exits(1, 0, TSC, 0, 0);
        let (mut host, mut keys) = start(nothing.clone());
        host.happen(&Event::End(1));
        keys.update(&host.sample(&[]));
        assert_eq!(exits(&keys, 32), [(Some(TSC), 620), (None, 50)]);
        // The entry of destroyed vCPUs was evicted, so it is unknown how many of 520 are new.
        let (mut host, mut keys) = start(Event::Evict(0));
        host.happen(&Event::End(1));
        keys.update(&host.sample(&[]));
        assert_eq!(exits(&keys, 32), [(Some(TSC), 600), (None, 70)]);
        // The table is full.
        let (mut host, mut keys) = start(nothing);
        let others = (0..ROOM as u64).map(|key| (id(10, key), Tally::default()));
        host.tables.insert(None, others.collect());
        host.happen(&Event::End(1));
        keys.update(&host.sample(&[]));
        assert_eq!(exits(&keys, 32), [(Some(TSC), 600), (None, 70)]);
    }

    fn id(reason: u32, key: u64) -> Identity {
        Identity {
            reason,
            key,
            ..Identity::default()
        }
    }

    #[test]
    fn exits_while_a_snapshot_is_taken_are_held_back_until_there_are_others() {
        let (mut host, mut keys) = (Host::new(), Keys::new(4));
        host.exits(1, 32, TSC, 0, 500);
        keys.update(&host.sample(&[Event::Exits(1, 0, TSC, 0, 3)]));
        assert_eq!(exits(&keys, 32), [(Some(TSC), 500), (None, 3)]);
        keys.update(&host.sample(&[]));
        assert_eq!(exits(&keys, 32), [(Some(TSC), 500), (None, 3)]);
        host.exits(1, 10, 0, 0, 10);
        host.exits(1, 32, 0x10, 0, 2);
        keys.update(&host.sample(&[]));
        assert_eq!(exits(&keys, 32), [(Some(TSC), 502), (None, 3)]);
    }

    #[test]
    fn all_begin_anew_when_the_module_does() {
        let (mut host, mut keys) = (Host::new(), Keys::new(1));
        host.exits(1, 32, TSC, 0, 500);
        host.exits(1, 10, 1, 0, 600);
        keys.update(&host.sample(&[]));
        host.happen(&Event::Reload);
        host.exits(1, 32, TSC, 0, 520);
        host.exits(1, 32, ICR, 0, 700);
        keys.update(&host.sample(&[]));
        assert_eq!(exits(&keys, 32), [(Some(TSC), 520), (None, 700)]);
        assert_eq!(exits(&keys, 10), [(Some(1), 0), (None, 0)]);
    }

    #[test]
    fn without_keys_captured_there_are_none() {
        let (mut host, mut keys) = (Host::new(), Keys::new(4));
        host.detail = DETAIL_IP;
        host.exits(1, 32, TSC, 0xa000, 500);
        keys.update(&host.sample(&[]));
        assert_eq!(keys.rows().count(), 0);
    }

    fn exits_event() -> impl Strategy<Value = Event> {
        let exits = prop_oneof![0u64..5, LEAST - 2..LEAST + 200];
        (1u64..4, 0..REASONS.len(), 0u64..6, 0u64..2, exits)
            .prop_map(|(vm, reason, key, ip, exits)| Event::Exits(vm, reason, key, ip, exits))
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            20 => exits_event(),
            2 => (1u64..4).prop_map(Event::End),
            3 => any::<usize>().prop_map(Event::Evict),
            1 => prop_oneof![Just(0), Just(DETAIL_IP), Just(DETAIL_KEY), Just(DETAIL_KEY)]
                .prop_map(Event::Capture),
            1 => Just(Event::Reload),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]

        /// Arbitrary events between snapshots, and during them.
        #[test]
        fn no_series_goes_down_and_all_add_up(
            scrapes in vec((vec(event(), 0..12), vec(exits_event(), 0..3)), 1..20),
            most in 1usize..5,
        ) {
            let (mut host, mut keys) = (Host::new(), Keys::new(most));
            let mut before = BTreeMap::<(Reason, Option<u64>), Tally>::new();
            let mut load = host.load;
            for (between, meanwhile) in scrapes {
                between.iter().for_each(|event| host.happen(event));
                let sample = host.sample(&meanwhile);
                keys.update(&sample);
                if load != host.load {
                    load = host.load;
                    before.values_mut().for_each(|tally| *tally = Tally::default());
                }
                let now: BTreeMap<_, _> =
                    keys.rows().map(|row| ((row.reason, row.key), row.tally)).collect();
                // No series decreases or disappears.
                for (series, old) in &before {
                    let new = now.get(series).copied();
                    prop_assert!(
                        new.is_some_and(|new| new.exits >= old.exits && new.cycles >= old.cycles),
                        "{series:?}: {old:?} {new:?}"
                    );
                }
                let totals = sample.counts.by_vcpus(Scope::Host).unwrap();
                for &number in &REASONS {
                    let reason = Reason::vmx(number);
                    let of = |(&(of, key), &tally): (&(Reason, Option<u64>), &Tally)| {
                        (of == reason).then_some((key, tally))
                    };
                    let rows: Vec<_> = now.iter().filter_map(of).collect();
                    let sum: Tally = rows.iter().map(|&(_, tally)| tally).sum();
                    let total = totals.get(reason).map(Counters::tally).unwrap_or_default();
                    if !now.is_empty() && has_keys(number) {
                        prop_assert_eq!(sum, total);
                    } else {
                        prop_assert_eq!(rows.len(), 0);
                    }
                    prop_assert!(rows.iter().filter(|(key, _)| key.is_some()).count() <= most);
                    // A key never exceeds its exact count.
                    for (key, tally) in rows {
                        if let Some(key) = key {
                            let truth = host.truth.get(&(number, key)).copied().unwrap_or(0);
                            prop_assert!(tally.exits <= truth, "{number} {key}");
                        }
                    }
                }
                before = now;
            }
        }
    }
}
