// SPDX-License-Identifier: GPL-2.0

//! What exits were about: a snapshot's details, and sums and differences of them.

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

/// A text of somebody else's, a guest's maybe, without what terminals would take for a command.
fn printable(text: &str) -> String {
    let plain = |c: char| if c.is_control() { '?' } else { c };
    text.chars().map(plain).collect()
}

/// What was counted of each identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries(BTreeMap<Identity, Counts>);

impl Entries {
    /// All there are.
    pub fn iter(&self) -> impl Iterator<Item = (&Identity, &Counts)> {
        self.0.iter()
    }

    /// The sum of those of a part.
    #[must_use]
    pub fn of(&self, part: Part) -> Counts {
        let entries = self.0.iter().filter(|(id, _)| {
            let key = Key::of(id.reason, id.key);
            key.is_some_and(|key| part.has(key))
        });
        entries.fold(Counts::default(), |sum, (_, counts)| sum.plus(*counts))
    }

    /// Exits of a basic reason.
    #[must_use]
    pub fn exits(&self, reason: u32) -> u64 {
        let entries = self.0.iter().filter(|(id, _)| id.reason == reason);
        entries.map(|(_, counts)| counts.exits).sum()
    }

    /// Adds to those of an identity.
    pub fn count(&mut self, id: Identity, counts: Counts) {
        let sum = self.0.entry(id).or_default();
        *sum = sum.plus(counts);
    }

    fn add(&mut self, others: &Self) {
        for (id, counts) in others.iter() {
            self.count(*id, *counts);
        }
    }

    /// Takes away what a vCPU had `before`. An entry that has less now has lost what it had, and began anew.
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

    /// Takes away what vCPUs that are gone had `before`. There may have been no room for it: then none of what an
    /// entry has is known to be new.
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

/// What exits were about, by who took them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    vcpus: BTreeMap<VcpuId, Entries>,
    /// Of a period, by VM: of vCPUs that ended together in it, since the snapshot before.
    ended: BTreeMap<u64, Entries>,
    /// Of vCPUs that are gone.
    retired: Entries,
    /// The slowest exits, in no order.
    pub slow: Vec<SlowRow>,
}

impl Details {
    /// Of a snapshot; `None` if it has none.
    ///
    /// # Errors
    ///
    /// It is damaged.
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

    /// Those of a vCPU, or of vCPUs that are gone, to be added to.
    pub fn of_owner(&mut self, owner: Option<VcpuId>) -> &mut Entries {
        match owner {
            Some(id) => self.vcpus.entry(id).or_default(),
            None => &mut self.retired,
        }
    }

    /// All, by vCPU; `None` for those that are gone.
    pub fn by_owner(&self) -> impl Iterator<Item = (Option<VcpuId>, &Entries)> {
        let vcpus = self.vcpus.iter();
        let vcpus = vcpus.map(|(&id, entries)| (Some(id), entries));
        vcpus.chain([(None, &self.retired)])
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.vcpus
            .values()
            .chain(self.ended.values())
            .chain([&self.retired])
            .all(|entries| entries.0.is_empty())
    }

    /// What was counted after `before`. Of vCPUs that are gone since it is `whose`, or if that is not known
    /// among those that are gone. Entries that there was no room for lack exits, and have none of others.
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
                // It may be that of another vCPU which went before.
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

    /// Adds others.
    pub fn add(&mut self, others: &Self) {
        for (id, entries) in &others.vcpus {
            self.vcpus.entry(*id).or_default().add(entries);
        }
        for (vm, entries) in &others.ended {
            self.ended.entry(*vm).or_default().add(entries);
        }
        self.retired.add(&others.retired);
        self.slow.extend(&others.slow);
        // The same exit is in one snapshot after another, until there are slower ones.
        self.slow.sort_by_key(|exit| (exit.vm, exit.vcpu, exit.tsc));
        self.slow.dedup();
    }

    /// Those of a scope; `None` of a CPU, which has none.
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
        // VM 2 is gone, with 4 more, and without room for what it had of 5; the entry of 4 went to another key and
        // came back.
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
        // What is left is VM 2's, if no other ended; and it is not counted twice.
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
