// SPDX-License-Identifier: GPL-2.0

//! Content of a screen: an interval, and the span selected by the user.

use crate::model::{Period, Sample};

/// Period over which exits are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// The interval between two snapshots.
    Interval,
    /// Since the start of top, or of the recording.
    Start,
    /// Since the module was loaded, or BPF began counting.
    Load,
}

/// The periods that end with a snapshot.
#[derive(Clone, Debug)]
pub struct Step {
    /// Number of snapshots before it.
    pub at: usize,
    /// The interval since the previous snapshot. For the first snapshot, everything that it has.
    pub interval: Period,
    /// The selected span.
    pub shown: Period,
}

impl Step {
    /// Returns the step that ends with a snapshot. `total` returns the period since the start.
    ///
    /// # Errors
    ///
    /// `total` fails.
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
