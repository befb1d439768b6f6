// SPDX-License-Identifier: GPL-2.0

//! Details of exits: a bounded table of counters by reason and key.
//!
//! A vCPU's table has one writer at a time, the vCPU's thread, and any number of readers. An entry
//! is found by a hash, within [`WINDOW`] entries of its home, so recording takes bounded time
//! whatever a guest does. If all these entries are taken, a new key may evict the least used one,
//! with a probability of one in the number of that entry's exits. This keeps the frequent keys (Ben
//! Basat et al., Randomized Admission Policy, 2017).
//!
//! Exits of a key without an entry, or whose entry was evicted, are not in the table. A reader
//! subtracts the entries of a reason from the reason's own counters; the difference is `other`.
//! Thus entries and `other` always add up to the reason. An entry never counts more exits than its
//! key had, and misses at most `other`.
//!
//! The writer counts an exit for its reason first and here second. A reader reads in the opposite
//! order, so the entries that it reads never exceed the reason.

use core::sync::atomic::{
    fence, AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

/// Number of entries searched for a key.
pub const WINDOW: usize = 16;

/// Minimum size of a table in bytes.
pub const LEAST_SIZE: usize = WINDOW * ENTRY_SIZE;

/// Size of an [`Entry`] in bytes.
pub const ENTRY_SIZE: usize = 64;

/// Mask of the CPL in a context.
pub const CONTEXT_CPL: u32 = 3;

/// Bit in a context: the vCPU ran a nested guest.
pub const CONTEXT_NESTED: u32 = 4;

/// Identity under which exits are counted together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// Basic exit reason, or [`super::snapshot::BEYOND`].
    pub reason: u32,
    /// Key of the exit, by reason: see `arch/x86/include/asm/kvm_exit_observer.h`.
    pub key: u64,
    /// Guest instruction pointer, or 0.
    pub ip: u64,
    /// `CONTEXT_…`. Less than 256, like the reason.
    pub context: u32,
}

/// Counters of one identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Number of exits.
    pub exits: u64,
    /// Cycles spent handling them.
    pub cycles: u64,
    /// Cycles of the longest exit.
    pub longest: u64,
    /// Exits that userspace finished.
    pub user_exits: u64,
    /// Cycles spent in userspace.
    pub user_cycles: u64,
}

impl Counts {
    /// Returns the counters of one exit.
    #[inline(always)]
    #[must_use]
    pub const fn one(cycles: u64) -> Self {
        Self {
            exits: 1,
            cycles,
            longest: cycles,
            user_exits: 0,
            user_cycles: 0,
        }
    }

    /// Returns the sum of both. Counters wrap instead of panicking.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            exits: self.exits.wrapping_add(other.exits),
            cycles: self.cycles.wrapping_add(other.cycles),
            longest: self.longest.max(other.longest),
            user_exits: self.user_exits.wrapping_add(other.user_exits),
            user_cycles: self.user_cycles.wrapping_add(other.user_cycles),
        }
    }
}

/// A cache line with the counters of one identity. All zeros is a valid value: no owner.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct Entry {
    key: AtomicU64,
    ip: AtomicU64,
    /// Low half: the tag from [`tag()`], 0 without an owner. High half: the number of times that
    /// the entry changed owners, for readers.
    owner: AtomicU64,
    exits: AtomicU64,
    cycles: AtomicU64,
    longest: AtomicU64,
    user_exits: AtomicU64,
    user_cycles: AtomicU64,
}

const _: () = assert!(size_of::<Entry>() == ENTRY_SIZE);

/// Combines reason and context into one number, which is never 0.
#[inline(always)]
const fn tag(id: &Identity) -> u32 {
    VALID | id.context << 8 | id.reason
}

const VALID: u32 = 1 << 31;

/// Bits of the owner word that count changes of the owner.
const HANDS: u64 = !0 << 32;

/// Adds to a counter that has no other writer.
#[inline(always)]
fn add(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(more), Relaxed);
}

impl Entry {
    #[inline(always)]
    fn is_of(&self, owner: u64, tag: u32, id: &Identity) -> bool {
        owner as u32 == tag && self.key.load(Relaxed) == id.key && self.ip.load(Relaxed) == id.ip
    }

    #[inline(always)]
    fn add(&self, counts: &Counts) {
        add(&self.exits, counts.exits);
        add(&self.cycles, counts.cycles);
        if counts.longest > self.longest.load(Relaxed) {
            self.longest.store(counts.longest, Relaxed);
        }
        // For an exit that has just happened, the compiler knows that both are 0.
        if counts.user_exits != 0 || counts.user_cycles != 0 {
            add(&self.user_exits, counts.user_exits);
            add(&self.user_cycles, counts.user_cycles);
        }
    }

    /// Gives the entry to `id`. The previous counts are lost.
    #[cold]
    fn give_to(&self, id: &Identity, counts: &Counts) {
        let hands = (self.owner.load(Relaxed) & HANDS).wrapping_add(1 << 32);
        self.owner.store(hands, Relaxed);
        // A reader that sees any of the following writes also sees that the owner changed.
        fence(Release);
        self.key.store(id.key, Relaxed);
        self.ip.store(id.ip, Relaxed);
        self.exits.store(counts.exits, Relaxed);
        self.cycles.store(counts.cycles, Relaxed);
        self.longest.store(counts.longest, Relaxed);
        self.user_exits.store(counts.user_exits, Relaxed);
        self.user_cycles.store(counts.user_cycles, Relaxed);
        self.owner.store(hands | u64::from(tag(id)), Release);
    }

    /// Returns the contents, or `None` if the entry has no owner or is changing owners.
    pub fn read(&self) -> Option<(Identity, Counts)> {
        let owner = self.owner.load(Acquire);
        if owner as u32 == 0 {
            return None;
        }
        let id = Identity {
            reason: owner as u32 & 0xff,
            key: self.key.load(Relaxed),
            ip: self.ip.load(Relaxed),
            context: (owner as u32 >> 8) & 0xff,
        };
        let counts = Counts {
            exits: self.exits.load(Relaxed),
            cycles: self.cycles.load(Relaxed),
            longest: self.longest.load(Relaxed),
            user_exits: self.user_exits.load(Relaxed),
            user_cycles: self.user_cycles.load(Relaxed),
        };
        fence(Acquire);
        (self.owner.load(Relaxed) == owner).then_some((id, counts))
    }
}

/// State that the writer keeps beside its table. All zeros is a valid value, and the initial one.
#[derive(Debug, Default)]
pub struct Recorder {
    random: AtomicU64,
    /// Index of the entry whose exit userspace is finishing, and the number of its table. 0: none.
    open: AtomicU32,
    open_in: AtomicU32,
}

impl Recorder {
    /// Creates a recorder that has written nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            random: AtomicU64::new(0),
            open: AtomicU32::new(0),
            open_in: AtomicU32::new(0),
        }
    }

    /// Records an exit.
    pub fn record(&self, table: &[Entry], id: &Identity, cycles: u64) {
        self.enter(table, id, &Counts::one(cycles));
    }

    /// Records an exit in a few instructions, or returns false if [`Self::record`] must do it.
    #[inline(always)]
    #[must_use]
    pub fn record_at_once(&self, table: &[Entry], id: &Identity, cycles: u64) -> bool {
        let first = first(table, id);
        if let Some((_, entry)) = first {
            entry.add(&Counts::one(cycles));
        }
        first.is_some()
    }

    /// Records an exit that userspace finishes. `number` identifies the table and is not 0.
    pub fn record_user_exit(&self, table: &[Entry], number: u32, id: &Identity, cycles: u64) {
        let counts = Counts {
            user_exits: 1,
            ..Counts::one(cycles)
        };
        match self.enter(table, id, &counts) {
            Some(place) => self.open(place, number),
            None => self.skip_user_exit(),
        }
    }

    /// Records such an exit in a few instructions, or returns false if [`Self::record_user_exit`]
    /// must do it.
    #[inline(always)]
    #[must_use]
    pub fn record_user_exit_at_once(
        &self,
        table: &[Entry],
        number: u32,
        id: &Identity,
        cycles: u64,
    ) -> bool {
        let first = first(table, id);
        if let Some((place, entry)) = first {
            entry.add(&Counts::one(cycles));
            add(&entry.user_exits, 1);
            self.open(place, number);
        }
        first.is_some()
    }

    #[inline(always)]
    fn open(&self, place: usize, number: u32) {
        self.open.store(place as u32, Relaxed);
        self.open_in.store(number, Relaxed);
    }

    /// Skips an exit that userspace finishes: it is not recorded here, and neither is its time.
    #[inline(always)]
    pub fn skip_user_exit(&self) {
        self.open_in.store(0, Relaxed);
    }

    /// Records time of the exit that userspace is finishing: userspace's and KVM's. `number`
    /// identifies the table.
    #[inline(always)]
    pub fn record_user_time(&self, table: &[Entry], number: u32, user_cycles: u64, cycles: u64) {
        if self.open_in.load(Relaxed) != number {
            return;
        }
        if let Some(entry) = table.get(self.open.load(Relaxed) as usize) {
            add(&entry.user_cycles, user_cycles);
            add(&entry.cycles, cycles);
        }
    }

    /// Adds counts from elsewhere.
    pub fn fold(&self, table: &[Entry], id: &Identity, counts: &Counts) {
        self.enter(table, id, counts);
    }

    /// Adds the counts and returns the entry's index, if they got one.
    fn enter(&self, table: &[Entry], id: &Identity, counts: &Counts) -> Option<usize> {
        let tag = tag(id);
        let begin = place(id.key, id.ip, tag, table.len());
        for (i, entry) in table.get(begin..)?.iter().take(WINDOW).enumerate() {
            let owner = entry.owner.load(Relaxed);
            if entry.is_of(owner, tag, id) {
                entry.add(counts);
                return Some(begin + i);
            }
            if owner as u32 == 0 {
                entry.give_to(id, counts);
                return Some(begin + i);
            }
        }
        self.replace(table, begin, id, counts)
    }

    /// Handles a window in which all entries belong to others: evicts the one with the fewest
    /// exits, or drops `id`.
    #[cold]
    fn replace(
        &self,
        table: &[Entry],
        begin: usize,
        id: &Identity,
        counts: &Counts,
    ) -> Option<usize> {
        let window = table.get(begin..)?.iter().take(WINDOW);
        let exits = window.map(|entry| entry.exits.load(Relaxed));
        let (i, least) = exits.enumerate().min_by_key(|&(_, exits)| exits)?;
        // A generator by Knuth, whose high half is random.
        let random = self.random.load(Relaxed);
        let random = random
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        self.random.store(random, Relaxed);
        // One in `least / exits`.
        let fits = (random >> 32).wrapping_mul(least.min(u64::from(u32::MAX))) >> 32;
        if fits >= counts.exits {
            return None;
        }
        let entry = table.get(begin + i)?;
        entry.give_to(id, counts);
        Some(begin + i)
    }
}

/// Returns the entry at the home of an identity, and its index, if the identity owns it. Usually it
/// does.
#[inline(always)]
fn first<'a>(table: &'a [Entry], id: &Identity) -> Option<(usize, &'a Entry)> {
    let tag = tag(id);
    let place = place(id.key, id.ip, tag, table.len());
    let entry = table.get(place)?;
    entry
        .is_of(entry.owner.load(Relaxed), tag, id)
        .then_some((place, entry))
}

/// Returns the index at which an identity's window begins. It has [`WINDOW`] entries, fewer at the
/// table's end.
#[inline(always)]
fn place(key: u64, ip: u64, tag: u32, entries: usize) -> usize {
    let mixed = key ^ ip.rotate_left(29) ^ (u64::from(tag) << 40);
    // Fibonacci hashing: the high half is mixed best.
    let hash = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    (hash.wrapping_mul(entries as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::{collection::vec, prelude::*};
    use std::{
        collections::{BTreeMap, BTreeSet},
        vec::Vec,
    };

    fn table(entries: usize) -> Vec<Entry> {
        (0..entries).map(|_| Entry::default()).collect()
    }

    fn id(reason: u32, key: u64) -> Identity {
        Identity {
            reason,
            key,
            ..Identity::default()
        }
    }

    fn read(table: &[Entry]) -> BTreeMap<Identity, Counts> {
        let read: Vec<_> = table.iter().filter_map(Entry::read).collect();
        let found = read.len();
        let map: BTreeMap<_, _> = read.into_iter().collect();
        assert_eq!(found, map.len(), "an identity has two entries");
        map
    }

    #[test]
    fn an_exit_is_counted_for_its_own_identity() {
        let (table, writer) = (table(64), Recorder::new());
        let ids = [
            id(32, 0x6e0),
            id(31, 0x6e0),
            id(32, 0),
            Identity {
                ip: 0xffff_ffff_8100_0000,
                ..id(32, 0x6e0)
            },
            Identity {
                context: CONTEXT_NESTED | 3,
                ..id(32, 0x6e0)
            },
        ];
        for (n, id) in (1..).zip(&ids) {
            for cycles in 100..100 + n {
                if !writer.record_at_once(&table, id, cycles) {
                    writer.record(&table, id, cycles);
                }
            }
        }
        let counts = read(&table);
        assert_eq!(counts.len(), ids.len());
        for (n, id) in (1u64..).zip(&ids) {
            let expected = Counts {
                exits: n,
                cycles: 100 * n + n * (n - 1) / 2,
                longest: 99 + n,
                ..Counts::default()
            };
            assert_eq!(counts[id], expected);
        }
    }

    #[test]
    fn userspaces_time_goes_to_the_exit_that_it_finishes() {
        let (table, writer) = (table(64), Recorder::new());
        writer.record_user_time(&table, 4, 1000, 1000);
        writer.record_user_exit(&table, 4, &id(30, 0x3f8), 10);
        writer.record_user_time(&table, 4, 500, 5);
        writer.record_user_time(&table, 4, 50, 1);
        // The table has changed since.
        writer.record_user_time(&table, 8, 1000, 1000);
        writer.skip_user_exit();
        writer.record_user_time(&table, 4, 1000, 1000);
        let expected = Counts {
            exits: 1,
            cycles: 16,
            longest: 10,
            user_exits: 1,
            user_cycles: 550,
        };
        assert_eq!(read(&table), BTreeMap::from([(id(30, 0x3f8), expected)]));
    }

    #[test]
    fn a_small_table_has_what_there_is_room_for() {
        for entries in 0..WINDOW {
            let (table, writer) = (table(entries), Recorder::new());
            for key in 0..100 {
                writer.record(&table, &id(10, key), 1);
                if !writer.record_user_exit_at_once(&table, 1, &id(30, key), 1) {
                    writer.record_user_exit(&table, 1, &id(30, key), 1);
                }
                writer.record_user_time(&table, 1, 1, 1);
            }
            assert_eq!(read(&table).is_empty(), entries == 0);
        }
    }

    #[test]
    fn all_keys_of_a_table_half_full_have_entries() {
        let (table, writer) = (table(2048), Recorder::new());
        // Keys of a typical boot: CPUID leaves, MSRs, ports, pages, vectors.
        let ids: Vec<_> = (0..200)
            .map(|n| id(10, 0x4000_0000 + n))
            .chain((0..200).map(|n| id(32, 0xc000_0080 + n)))
            .chain((0..200).map(|n| id(30, (0x3f8 + n) << 16 | 8)))
            .chain((0..300).map(|n| id(48, n << 21 | 2)))
            .chain((0..124).map(|n| id(1, n)))
            .collect();
        for id in &ids {
            writer.record(&table, id, 1);
        }
        let read: BTreeSet<_> = read(&table).into_keys().collect();
        assert_eq!(read, ids.into_iter().collect());
    }

    #[test]
    fn keys_that_are_often_used_stay_whatever_comes() {
        let (table, writer) = (table(WINDOW), Recorder::new());
        let often: Vec<_> = (0..8).map(|key| id(32, key)).collect();
        for n in 0..100_000u64 {
            writer.record(&table, &often[n as usize % often.len()], 1);
            writer.record(&table, &id(10, 1000 + n), 1);
        }
        let read = read(&table);
        for id in &often {
            assert!(read[id].exits > 12_000, "{:?}", read.get(id));
        }
    }

    #[test]
    fn a_key_that_comes_late_gets_an_entry() {
        let (table, writer) = (table(WINDOW), Recorder::new());
        for n in 0..100 {
            writer.record(&table, &id(10, n % 20), 1);
        }
        for _ in 0..1000 {
            writer.record(&table, &id(32, 0x6e0), 1);
        }
        assert!(read(&table)[&id(32, 0x6e0)].exits > 900);
    }

    proptest! {
        /// Whatever the input, no entry exceeds the exits of its key, and `other` is not negative.
        #[test]
        fn entries_have_no_more_than_there_was(
            events in vec((0u32..4, 0u64..60, 0u32..3, any::<bool>(), 0u64..1000), 0..600),
            entries in 0usize..40,
        ) {
            let (table, writer) = (table(entries), Recorder::new());
            let mut truth: BTreeMap<Identity, Counts> = BTreeMap::new();
            for (reason, key, ip, user, cycles) in events {
                let id = Identity { ip: ip.into(), ..id(reason, key) };
                let mut counts = Counts::one(cycles);
                if user {
                    writer.record_user_exit(&table, 1, &id, cycles);
                    writer.record_user_time(&table, 1, 2 * cycles, 7);
                    counts.user_exits = 1;
                    counts.user_cycles = 2 * cycles;
                    counts.cycles += 7;
                } else {
                    writer.record(&table, &id, cycles);
                }
                let sum = truth.entry(id).or_default();
                *sum = sum.plus(counts);
            }
            let evicted = truth.len() > read(&table).len();
            for (id, counts) in read(&table) {
                let all = truth[&id];
                prop_assert!(counts.exits > 0 && counts.exits <= all.exits);
                prop_assert!(counts.cycles <= all.cycles && counts.longest <= all.longest);
                prop_assert!(counts.user_exits <= all.user_exits);
                prop_assert!(counts.user_cycles <= all.user_cycles);
                if !evicted {
                    prop_assert_eq!(counts, all);
                }
            }
        }

        #[test]
        fn a_window_begins_within_the_table(key: u64, ip: u64, tag: u32, entries in 1usize..5000) {
            prop_assert!(place(key, ip, tag, entries) < entries);
        }

        #[test]
        fn what_is_folded_is_added(counts in vec((0u64..5, 1u64..100), 0..100)) {
            let (table, writer) = (table(64), Recorder::new());
            let mut truth: BTreeMap<Identity, Counts> = BTreeMap::new();
            for (key, exits) in counts {
                let counts = Counts { exits, cycles: 3 * exits, longest: exits, ..Counts::default() };
                writer.fold(&table, &id(32, key), &counts);
                let sum = truth.entry(id(32, key)).or_default();
                *sum = sum.plus(counts);
            }
            prop_assert_eq!(read(&table), truth);
        }
    }
}
