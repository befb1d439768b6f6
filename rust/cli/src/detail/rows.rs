// SPDX-License-Identifier: GPL-2.0

//! Rows of what exits were about: for each reason those with the same identity, and its other ones.

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

/// The exits of a reason with an identity, or its other ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The reason.
    pub reason: Reason,
    /// `None` of the reason's other exits.
    pub id: Option<Identity>,
    /// What was counted of them.
    pub counts: Counts,
}

impl Row {
    /// Exits and cycles.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally {
            exits: self.counts.exits,
            cycles: self.counts.cycles,
        }
    }
}

/// The rows, and what is counted of their reasons in all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// Of each reason they add up to what is counted of it.
    pub rows: Vec<Row>,
    /// Exits of these reasons.
    pub exits: u64,
    /// Cycles that they took.
    pub cycles: u64,
    /// Whether keys were captured.
    pub with_key: bool,
    /// Whether instruction pointers were.
    pub with_ip: bool,
}

impl Rows {
    /// Of a period that has details, most exits first; `None` if the scope is not there.
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

    /// What is counted of these reasons.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally {
            exits: self.exits,
            cycles: self.cycles,
        }
    }

    /// The largest first.
    pub fn sort(&mut self, by: impl Fn(&Counts) -> u64) {
        self.rows.sort_by_key(|row| Reverse(by(&row.counts)));
    }
}

/// What is counted of a reason and is in no row.
fn rest(all: &Counters, captured: &Counts) -> Counts {
    Counts {
        exits: all.exits.saturating_sub(captured.exits),
        cycles: all.cycles.saturating_sub(captured.cycles),
        // It may be one of those that are captured.
        longest: 0,
        user_exits: all.user_exits.saturating_sub(captured.user_exits),
        user_cycles: all.user_cycles.saturating_sub(captured.user_cycles),
    }
}
