// SPDX-License-Identifier: GPL-2.0

//! Details of exits: those of a snapshot, and their sums and differences.

mod columns;
pub mod devices;
mod name;
mod names;
mod part;
mod rows;
pub mod symbols;

pub use columns::{with_keys, Columns};
pub use name::name;
pub use names::Names;
pub use part::Part;
pub use rows::{Row, Rows};

use crate::model::scope::{Scope, VcpuId, Whose};
use exitstat_core::{
    detail::{Counts, Identity},
    key::Key,
    snapshot::{Malformed, SlowRow, Snapshot, VERSION_DETAILS},
};
use std::collections::BTreeMap;

/// Counters by identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries(BTreeMap<Identity, Counts>);

impl Entries {
    /// Iterates over all entries.
    pub fn iter(&self) -> impl Iterator<Item = (&Identity, &Counts)> {
        self.0.iter()
    }

    /// Returns the sum of a part's entries.
    #[must_use]
    pub fn of(&self, part: Part) -> Counts {
        let entries = self.0.iter().filter(|(id, _)| {
            let key = Key::of(id.reason, id.key);
            key.is_some_and(|key| part.has(key))
        });
        entries.fold(Counts::default(), |sum, (_, counts)| sum.plus(*counts))
    }

    /// Returns the number of exits with a basic reason.
    #[must_use]
    pub fn exits(&self, reason: u32) -> u64 {
        let entries = self.0.iter().filter(|(id, _)| id.reason == reason);
        entries.map(|(_, counts)| counts.exits).sum()
    }

    /// Adds to the counters of an identity.
    pub fn count(&mut self, id: Identity, counts: Counts) {
        let sum = self.0.entry(id).or_default();
        *sum = sum.plus(counts);
    }

    fn add(&mut self, others: &Self) {
        for (id, counts) in others.iter() {
            self.count(*id, *counts);
        }
    }

    /// Subtracts what a vCPU had `before`. If an entry has less now, it was evicted and started over.
    fn subtract(&mut self, before: &Self) {
        for (id, before) in before.iter() {
            if let Some(now) = self.0.get_mut(id) {
                if now.exits >= before.exits && now.cycles >= before.cycles {
                    take_away(now, before);
                }
            }
        }
        self.0.retain(|_, counts| counts.exits != 0);
    }

    /// Subtracts what ended vCPUs had `before`. Some of it may have been dropped for lack of space; then no
    /// part of an entry is known to be new.
    fn subtract_gone(&mut self, before: &Self) {
        for (id, before) in before.iter() {
            if let Some(now) = self.0.get_mut(id) {
                take_away(now, before);
            }
        }
        self.0.retain(|_, counts| counts.exits != 0);
    }
}

fn take_away(now: &mut Counts, before: &Counts) {
    now.exits = now.exits.saturating_sub(before.exits);
    now.cycles = now.cycles.saturating_sub(before.cycles);
    now.user_exits = now.user_exits.saturating_sub(before.user_exits);
    now.user_cycles = now.user_cycles.saturating_sub(before.user_cycles);
}

/// Details of exits, by vCPU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    vcpus: BTreeMap<VcpuId, Entries>,
    /// In a period: details of vCPUs that ended together, since the snapshot before their end, by VM.
    ended: BTreeMap<u64, Entries>,
    /// Details of ended vCPUs.
    retired: Entries,
    /// The slowest exits, unordered.
    pub slow: Vec<SlowRow>,
}

impl Details {
    /// Reads a snapshot's details; `None` if it has none.
    ///
    /// # Errors
    ///
    /// They are damaged.
    pub fn of(snapshot: &Snapshot<'_>) -> Result<Option<Self>, Malformed> {
        if snapshot.header.version != VERSION_DETAILS {
            return Ok(None);
        }
        let mut all = Self::default();
        for details in snapshot.details() {
            let details = details?;
            let entries = all.of_owner(details.vcpu.map(|vcpu| (vcpu.vm, vcpu.vcpu)));
            for row in details.rows() {
                let (id, counts) = row?;
                entries.count(id, counts);
            }
        }
        all.slow = snapshot.slow().collect::<Result<_, _>>()?;
        Ok(Some(all))
    }

    /// Returns the entries of a vCPU, or of the ended vCPUs if `None`, to add to.
    pub fn of_owner(&mut self, owner: Option<VcpuId>) -> &mut Entries {
        match owner {
            Some(id) => self.vcpus.entry(id).or_default(),
            None => &mut self.retired,
        }
    }

    /// Iterates over all entries by vCPU; `None` for ended vCPUs.
    pub fn by_owner(&self) -> impl Iterator<Item = (Option<VcpuId>, &Entries)> {
        let vcpus = self.vcpus.iter();
        let vcpus = vcpus.map(|(&id, entries)| (Some(id), entries));
        vcpus.chain([(None, &self.retired)])
    }

    /// Returns whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.vcpus
            .values()
            .chain(self.ended.values())
            .chain([&self.retired])
            .all(|entries| entries.0.is_empty())
    }

    /// Returns the details added since `before`. Those of vCPUs that ended since are attributed to `whose`,
    /// or stay with the ended vCPUs if that is unknown. Entries dropped for lack of space lead to missing
    /// exits, never to exits of others.
    #[must_use]
    pub fn since(&self, before: &Self, whose: Option<Whose>) -> Self {
        let mut new = self.clone();
        let mut ended = Entries::default();
        for (id, entries) in &before.vcpus {
            match new.vcpus.get_mut(id) {
                Some(now) => now.subtract(entries),
                None => ended.add(entries),
            }
        }
        let mut gone = before.retired.clone();
        gone.add(&ended);
        new.retired.subtract_gone(&gone);
        if let Some(whose) = whose {
            let mut last = std::mem::take(&mut new.retired);
            for (id, counts) in &mut last.0 {
                // It may belong to another vCPU that ended earlier.
                let longest = |entries: &Entries| entries.0.get(id).map_or(0, |of| of.longest);
                if counts.longest <= longest(&before.retired) {
                    counts.longest = longest(&ended);
                }
            }
            let of_whom = match whose {
                Whose::Vcpu(id) => new.vcpus.entry(id).or_default(),
                Whose::Vm(vm) => new.ended.entry(vm).or_default(),
            };
            of_whom.add(&last);
        }
        new
    }

    /// Adds other details.
    pub fn add(&mut self, others: &Self) {
        for (id, entries) in &others.vcpus {
            self.vcpus.entry(*id).or_default().add(entries);
        }
        for (vm, entries) in &others.ended {
            self.ended.entry(*vm).or_default().add(entries);
        }
        self.retired.add(&others.retired);
        self.slow.extend(&others.slow);
        // An exit is in each snapshot until slower ones replace it.
        self.slow.sort_by_key(|exit| (exit.vm, exit.vcpu, exit.tsc));
        self.slow.dedup();
    }

    /// Returns the entries of a scope; `None` for a CPU, which has none.
    #[must_use]
    pub fn by(&self, scope: Scope) -> Option<Entries> {
        let mut sum = Entries::default();
        match scope {
            Scope::Host => {
                let vcpus = self.vcpus.values();
                let all = vcpus.chain(self.ended.values()).chain([&self.retired]);
                all.for_each(|entries| sum.add(entries));
            }
            Scope::Vm(vm) => {
                let vcpus = self.vcpus.range((vm, 0)..=(vm, u32::MAX));
                let vcpus = vcpus.map(|(_, entries)| entries);
                let all = vcpus.chain(self.ended.get(&vm));
                all.for_each(|entries| sum.add(entries));
            }
            Scope::Vcpu(id) => sum.add(self.vcpus.get(&id).unwrap_or(&Entries::default())),
            Scope::Cpu(_) => return None,
        }
        Some(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(list: &[(u64, u64)]) -> Entries {
        let mut entries = Entries::default();
        for &(key, exits) in list {
            let id = Identity {
                reason: 32,
                key,
                ..Identity::default()
            };
            let counts = Counts {
                exits,
                cycles: 10 * exits,
                longest: 9,
                ..Counts::default()
            };
            entries.count(id, counts);
        }
        entries
    }

    fn exits(entries: &Entries) -> Vec<(u64, u64)> {
        entries.iter().map(|(id, n)| (id.key, n.exits)).collect()
    }

    #[test]
    fn what_came_in_between_is_what_is_more() {
        let details = |list: &[(VcpuId, &[(u64, u64)])], retired| Details {
            vcpus: list.iter().map(|(id, list)| (*id, entries(list))).collect(),
            retired: entries(retired),
            ..Details::default()
        };
        let before = details(
            &[
                ((1, 0), &[(1, 5), (2, 7), (4, 9)]),
                ((2, 0), &[(1, 3), (5, 20)]),
            ],
            &[(1, 10), (5, 6)],
        );
        // VM 2 ended after 4 more exits, and its exits of key 5 were dropped for lack of space. The entry
        // of key 4 was evicted by another key and came back.
        let after = details(
            &[((1, 0), &[(1, 6), (2, 7), (3, 1), (4, 2)])],
            &[(1, 17), (5, 6), (9, 1)],
        );
        let since = after.since(&before, None);
        let vm = since.by(Scope::Vm(1)).unwrap();
        assert_eq!(exits(&vm), [(1, 1), (3, 1), (4, 2)]);
        let host = since.by(Scope::Host).unwrap();
        assert_eq!(exits(&host), [(1, 5), (3, 1), (4, 2), (9, 1)]);
        assert_eq!(since.by(Scope::Cpu(0)), None);
        let none = since.by(Scope::Vcpu((1, 7))).unwrap();
        assert_eq!(exits(&none), []);
        let mut twice = since.clone();
        twice.add(&since);
        assert_eq!(
            exits(&twice.by(Scope::Vcpu((1, 0))).unwrap()),
            [(1, 2), (3, 2), (4, 4)]
        );
        // If only VM 2 ended, the rest is its own, and counts once.
        for whose in [Whose::Vcpu((2, 0)), Whose::Vm(2)] {
            let since = after.since(&before, Some(whose));
            let vm = since.by(Scope::Vm(2)).unwrap();
            assert_eq!(exits(&vm), [(1, 4), (9, 1)], "{whose:?}");
            assert_eq!(since.by(Scope::Host), Some(host.clone()));
            let mut twice = since.clone();
            twice.add(&since);
            let vm = twice.by(Scope::Vm(2)).unwrap();
            assert_eq!(exits(&vm), [(1, 8), (9, 2)], "{whose:?}");
        }
    }
}
