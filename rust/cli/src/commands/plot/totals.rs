// SPDX-License-Identifier: GPL-2.0

//! Bars of exits and time by reason.

use super::{
    bars::{Amounts, Bar, Bars},
    colours,
    paper::{Failed, Paper},
    Recorded,
};
use crate::view::Row;
use std::cmp::Reverse;

/// Draws the bars.
///
/// # Errors
///
/// Drawing fails.
pub fn draw(paper: &Paper, recorded: &Recorded) -> Result<String, Failed> {
    let view = &recorded.all;
    let mut bars: Vec<_> = view.rows.iter().map(bar).collect();
    bars.sort_by_key(|bar| Reverse((bar.amounts.time(), bar.amounts.exits)));
    let bars = Bars {
        title: format!("VM exits by reason: {}", recorded.of),
        bars,
        total: amounts(&view.total),
    };
    bars.draw(paper, recorded)
}

fn bar(row: &Row) -> Bar {
    Bar {
        name: row.name(),
        colour: row.reason.map_or(colours::OTHERS, colours::of),
        amounts: amounts(row),
    }
}

fn amounts(row: &Row) -> Amounts {
    let detail = row.line.detail.as_ref();
    Amounts {
        exits: row.line.tally.exits,
        kernel: row.line.tally.cycles,
        user: detail.map_or(0, |detail| detail.user_cycles),
    }
}
