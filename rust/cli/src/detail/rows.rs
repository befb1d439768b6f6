// SPDX-License-Identifier: GPL-2.0

//! Rows of details: by reason and identity, with one row for the other exits of each reason.

use super::{with_keys, Details};
use crate::{
    model::{Counters, Period, Scope},
    reason::{is_one_of, Reason, Wanted},
};
use exitstat_core::{
    detail::{Counts, Identity},
    tally::Tally,
};
use std::cmp::Reverse;

/// Exits with the same reason and identity, or the other exits of a reason.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The reason.
    pub reason: Reason,
    /// The identity; `None` for the other exits of the reason.
    pub id: Option<Identity>,
    /// The counters.
    pub counts: Counts,
}

impl Row {
    /// Returns exits and cycles.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally {
            exits: self.counts.exits,
            cycles: self.counts.cycles,
        }
    }
}

/// The rows, and the totals of their reasons.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// The rows. They add up to the counters of their reasons.
    pub rows: Vec<Row>,
    /// Exits with these reasons.
    pub exits: u64,
    /// Their cycles.
    pub cycles: u64,
    /// Whether they have keys.
    pub with_key: bool,
    /// Whether they have instruction pointers.
    pub with_ip: bool,
}

impl Rows {
    /// Returns the rows of a period with details, by descending exits; `None` if the scope does not exist.
    #[must_use]
    pub fn of(period: &Period, details: &Details, scope: Scope, wanted: &[Wanted]) -> Option<Self> {
        let reasons = period.counts.by_vcpus(scope)?;
        let entries = details.by(scope).unwrap_or_default();
        let isa = period.end.isa();
        let mut found = Self {
            with_key: with_keys(&period.end),
            ..Self::default()
        };
        let identified = entries.iter().map(|(id, counts)| Row {
            reason: Reason {
                isa,
                number: id.reason,
            },
            id: Some(*id),
            counts: *counts,
        });
        found
            .rows
            .extend(identified.filter(|row| is_one_of(wanted, row.reason)));
        found.with_ip = found
            .rows
            .iter()
            .any(|row| row.id.is_some_and(|id| id.ip != 0));
        for (reason, counters) in reasons.iter().filter(|(r, _)| is_one_of(wanted, *r)) {
            found.exits += counters.exits;
            found.cycles += counters.cycles;
            let captured = found.rows.iter().filter(|row| row.reason == reason);
            let sum = captured.fold(Counts::default(), |sum, row| sum.plus(row.counts));
            let counts = rest(counters, &sum);
            if counts.exits != 0 {
                found.rows.push(Row {
                    reason,
                    id: None,
                    counts,
                });
            }
        }
        found.sort(|counts| counts.exits);
        Some(found)
    }

    /// Returns the total of these reasons.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally {
            exits: self.exits,
            cycles: self.cycles,
        }
    }

    /// Sorts the rows in descending order.
    pub fn sort(&mut self, by: impl Fn(&Counts) -> u64) {
        self.rows.sort_by_key(|row| Reverse(by(&row.counts)));
    }
}

/// Returns the counters of a reason that no row includes.
fn rest(all: &Counters, captured: &Counts) -> Counts {
    Counts {
        exits: all.exits.saturating_sub(captured.exits),
        cycles: all.cycles.saturating_sub(captured.cycles),
        // The longest exit may be a captured one.
        longest: 0,
        user_exits: all.user_exits.saturating_sub(captured.user_exits),
        user_cycles: all.user_cycles.saturating_sub(captured.user_cycles),
    }
}
