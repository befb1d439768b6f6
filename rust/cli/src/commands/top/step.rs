// SPDX-License-Identifier: GPL-2.0

//! What one screen shows: an interval, and the span of time that the user chose.

use crate::model::{Period, Sample};

/// The time that is counted over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// The interval between two snapshots.
    Interval,
    /// Since top started, or the recording did.
    Start,
    /// Since the module was loaded, or BPF began to count.
    Load,
}

/// What ends with a snapshot.
#[derive(Clone, Debug)]
pub struct Step {
    /// How many snapshots came before it.
    pub at: usize,
    /// The interval since the snapshot before; of the first snapshot, all that it has.
    pub interval: Period,
    /// The span that was asked for.
    pub shown: Period,
}

impl Step {
    /// Returns the step that ends with a snapshot. `total` returns what was counted since the start.
    ///
    /// # Errors
    ///
    /// That of `total`.
    pub fn new<E>(
        at: usize,
        (before, after): (Option<&Sample>, &Sample),
        span: Span,
        total: impl FnOnce() -> Result<Period, E>,
    ) -> Result<Self, E> {
        let all = || Period::since_load(after.clone());
        let interval = before.map_or_else(all, |before| Period::between(before, after));
        Ok(Self {
            at,
            shown: match span {
                Span::Interval => interval.clone(),
                Span::Start => total()?,
                Span::Load => all(),
            },
            interval,
        })
    }
}
