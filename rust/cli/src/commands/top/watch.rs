// SPDX-License-Identifier: GPL-2.0

//! The snapshots of a running kernel needed for display.

use super::step::{Span, Step};
use crate::model::{Period, Sample};
use std::convert::Infallible;

/// The first snapshot and the last two.
#[derive(Debug)]
pub struct Watch {
    /// Start of the counts since the start: the first snapshot, or the last one before a reload of the
    /// module.
    first: Sample,
    before: Option<Sample>,
    after: Sample,
    at: usize,
}

impl Watch {
    /// Starts with a snapshot.
    #[must_use]
    pub fn new(first: Sample) -> Self {
        Self {
            after: first.clone(),
            first,
            before: None,
            at: 0,
        }
    }

    /// Adds the next snapshot.
    pub fn add(&mut self, next: Sample) {
        let before = std::mem::replace(&mut self.after, next);
        if before.header.load != self.after.header.load {
            self.first.clone_from(&before);
        }
        self.before = Some(before);
        self.at += 1;
    }

    /// Returns the number of snapshots before the last one.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }

    /// Returns the step that ends with the last snapshot.
    #[must_use]
    pub fn step(&self, span: Span) -> Step {
        let total = || Ok::<_, Infallible>(Period::between(&self.first, &self.after));
        let Ok(step) = Step::new(self.at, (self.before.as_ref(), &self.after), span, total);
        step
    }
}
