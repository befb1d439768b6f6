// SPDX-License-Identifier: GPL-2.0

//! History of exit rates for the graph.

use std::collections::BTreeMap;

/// Number of rates to keep per VM and vCPU, more than the columns of a wide terminal.
const KEPT: usize = 800;

/// Exits per second by snapshot, for VMs and vCPUs.
#[derive(Debug)]
pub struct History<K>(BTreeMap<K, BTreeMap<usize, u64>>);

impl<K> Default for History<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Copy + Ord> History<K> {
    /// Adds the rates of a snapshot, and removes VMs and vCPUs that it does not have.
    pub fn add(&mut self, at: usize, rates: &BTreeMap<K, Option<u64>>) {
        self.0.retain(|who, _| rates.contains_key(who));
        for (&who, &rate) in rates {
            let kept = self.0.entry(who).or_default();
            kept.extend(rate.map(|rate| (at, rate)));
            if kept.len() > KEPT {
                let first = kept.first_key_value().map_or(at, |(&first, _)| first);
                let last = kept.last_key_value().map_or(at, |(&last, _)| last);
                let farthest = if at - first > last - at { first } else { last };
                kept.remove(&farthest);
            }
        }
    }

    /// Returns the rates of this many snapshots up to `at`. Snapshots that were not shown have none.
    #[must_use]
    pub fn of(&self, who: K, at: usize, snapshots: usize) -> Vec<Option<u64>> {
        let kept = self.0.get(&who);
        let back = (0..snapshots).rev().map(|back| at.checked_sub(back));
        back.map(|at| kept?.get(&at?).copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_up_to_a_snapshot() {
        let mut history = History::default();
        for (at, rate) in [(1, 10), (2, 20), (4, 40)] {
            history.add(at, &BTreeMap::from([('a', Some(rate)), ('b', None)]));
        }
        assert_eq!(history.of('a', 4, 3), [Some(20), None, Some(40)]);
        assert_eq!(history.of('a', 2, 4), [None, None, Some(10), Some(20)]);
        assert_eq!(history.of('b', 4, 1), [None]);
        assert_eq!(history.of('c', 4, 1), [None]);
        history.add(5, &BTreeMap::from([('b', Some(1))]));
        assert_eq!(history.of('a', 4, 1), [None]);
    }

    #[test]
    fn what_is_farthest_away_is_forgotten() {
        let mut history = History::default();
        for at in 0..=KEPT {
            history.add(at, &BTreeMap::from([('a', Some(7))]));
        }
        assert_eq!(history.of('a', 1, 2), [None, Some(7)]);
        history.add(0, &BTreeMap::from([('a', Some(7))]));
        assert_eq!(history.of('a', KEPT, 2), [Some(7), None]);
    }
}
