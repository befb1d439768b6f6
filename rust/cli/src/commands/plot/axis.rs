// SPDX-License-Identifier: GPL-2.0

//! Axis with given ticks.

use plotters::coord::{
    ranged1d::{DefaultFormatting, KeyPointHint, Ranged},
    types::RangedCoordf64,
};
use std::ops::Range;

/// Range of numbers with given ticks.
pub struct Axis {
    numbers: RangedCoordf64,
    ticks: Vec<f64>,
}

impl Axis {
    /// Creates an axis from `begin` to `end` with these ticks.
    pub fn new(begin: f64, end: f64, ticks: &[f64]) -> Self {
        Self {
            numbers: (begin..end).into(),
            ticks: ticks.to_vec(),
        }
    }
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        self.numbers.map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // Light lines would be between the ticks, and are not drawn.
        match hint.weight().allow_light_points() {
            true => Vec::new(),
            false => self.ticks.clone(),
        }
    }

    fn range(&self) -> Range<f64> {
        self.numbers.range()
    }
}
