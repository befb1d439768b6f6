// SPDX-License-Identifier: GPL-2.0

//! Exits and time by reason, as bars.

use super::{bars::Bars, paper::Failed, Recorded};

/// Room for the reasons' names.
const NAMES: i32 = 200;

/// Draws it.
///
/// # Errors
///
/// It cannot be drawn.
pub fn draw(recorded: &Recorded) -> Result<String, Failed> {
    let view = &recorded.all;
    let rows = view.rows.iter();
    let bars = Bars {
        title: format!("VM exits by reason: {}", recorded.title),
        names: NAMES,
        bars: rows.map(|row| (row.name(), row.line.tally)).collect(),
        total: view.total.line.tally,
    };
    bars.draw(|cycles| view.seconds_of(cycles))
}
