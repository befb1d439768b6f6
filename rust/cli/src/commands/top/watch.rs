// SPDX-License-Identifier: GPL-2.0

//! The snapshots of a running kernel that are needed.

use super::step::{Span, Step};
use crate::model::{Period, Sample};
use std::convert::Infallible;

/// The first snapshot and the last two.
#[derive(Debug)]
pub struct Watch {
    /// What counts since the start begin with: the first snapshot, or the last before the module was loaded again.
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

    /// Goes on with the next one.
    pub fn add(&mut self, next: Sample) {
        let before = std::mem::replace(&mut self.after, next);
        if before.header.load != self.after.header.load {
            self.first.clone_from(&before);
        }
        self.before = Some(before);
        self.at += 1;
    }

    /// Returns how many snapshots came before the last one.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }

    /// Returns what ends with the last snapshot.
    #[must_use]
    pub fn step(&self, span: Span) -> Step {
        let total = || Ok::<_, Infallible>(Period::between(&self.first, &self.after));
        let Ok(step) = Step::new(self.at, (self.before.as_ref(), &self.after), span, total);
        step
    }
}
