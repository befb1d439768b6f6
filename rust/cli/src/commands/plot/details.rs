// SPDX-License-Identifier: GPL-2.0

//! Exits and time by what the exits were about, as bars.

use super::{bars::Bars, paper::Failed, Recorded};
use crate::detail::{Names, Row, Rows};

/// Room for reasons and keys.
const NAMES: i32 = 350;

/// Draws it.
///
/// # Errors
///
/// It cannot be drawn.
pub fn draw(recorded: &Recorded, found: &Rows) -> Result<String, Failed> {
    let bar = |row: &Row| {
        let about = Names::default().about(row.reason, row.id, found.with_key, found.with_ip);
        (format!("{} {about}", row.reason), row.tally())
    };
    let bars = Bars {
        title: format!("What VM exits were about: {}", recorded.title),
        names: NAMES,
        bars: found.rows.iter().map(bar).collect(),
        total: found.tally(),
    };
    bars.draw(|cycles| recorded.all.seconds_of(cycles))
}
