// SPDX-License-Identifier: GPL-2.0

//! Bars of exits and time by MSR, port, address or similar.

use super::{
    bars::{Amounts, Bar, Bars},
    colours,
    paper::{Failed, Paper},
    Recorded,
};
use crate::detail::{Names, Row, Rows};

/// Draws the bars.
///
/// # Errors
///
/// Drawing fails.
pub fn draw(paper: &Paper, recorded: &Recorded, found: &Rows) -> Result<String, Failed> {
    let bar = |row: &Row| {
        let about = Names::default().about(row.reason, row.id, found.with_key, found.with_ip);
        Bar {
            name: format!("{} {about}", row.reason).trim_end().to_owned(),
            colour: colours::of(row.reason),
            amounts: Amounts {
                exits: row.counts.exits,
                kernel: row.counts.cycles,
                user: row.counts.user_cycles,
            },
        }
    };
    let bars: Vec<_> = found.rows.iter().map(bar).collect();
    let total = bars.iter().map(|bar| bar.amounts).sum();
    let bars = Bars {
        title: format!("VM exits in detail: {}", recorded.of),
        bars,
        total,
    };
    bars.draw(paper, recorded)
}
