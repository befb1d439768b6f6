// SPDX-License-Identifier: GPL-2.0

//! Exits and time by reason, as bars.

use super::{
    paper::{self, Failed},
    Recorded,
};
use crate::model::Line;
use exitstat_core::tally::Tally;
use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

/// Reasons that have bars of their own.
const BARS: usize = 18;

/// Height of a bar and the room around it.
const ROW: i32 = 24;

/// Room for titles, and below.
const HEAD: i32 = 78;

/// Draws it.
///
/// # Errors
///
/// It cannot be drawn.
pub fn draw(recorded: &Recorded) -> Result<String, Failed> {
    let view = &recorded.all;
    let mut bars: Vec<(String, Tally)> = view
        .rows
        .iter()
        .map(|row| (row.name(), row.line.tally))
        .collect();
    bars.retain(|(_, tally)| tally.exits > 0);
    let others = bars.split_off(bars.len().min(BARS));
    if !others.is_empty() {
        let sum = others.iter().map(|&(_, tally)| tally).sum();
        bars.push((format!("{} others", others.len()), sum));
    }
    let Line { tally: total, .. } = view.total.line;
    let time = |cycles: u64| match view.seconds_of(cycles as f64) {
        Some(time) => paper::seconds(time),
        None => format!("{} cycles", paper::number(cycles as f64)),
    };
    let exits: Vec<_> = bars.iter().map(|(_, tally)| tally.exits).collect();
    let cycles: Vec<_> = bars.iter().map(|(_, tally)| tally.cycles).collect();

    let height = HEAD + ROW * bars.len().max(1) as i32 + 12;
    paper::draw(height.unsigned_abs(), |sheet| {
        let title = format!("VM exits by reason: {}", recorded.title);
        sheet.draw(&Text::new(title, (14, 12), paper::text(20)))?;
        let left = format!("{} exits", paper::number(total.exits as f64));
        let right = format!("{} to handle them", time(total.cycles));
        sheet.draw(&Text::new(left, (200, 48), paper::text(15)))?;
        sheet.draw(&Text::new(right, (670, 48), paper::text(15)))?;
        for (i, (name, tally)) in bars.iter().enumerate() {
            let y = HEAD + ROW * i as i32;
            let anchor = Pos::new(HPos::Right, VPos::Center);
            let style = paper::text(14).pos(anchor);
            sheet.draw(&Text::new(name.clone(), (190, y + ROW / 2), style))?;
            let share = |part: u64, all: u64| part as f64 / all.max(1) as f64 * 100.0;
            let exits_text = format!(
                "{} ({:.1} %)",
                paper::number(tally.exits as f64),
                share(tally.exits, total.exits)
            );
            let time_text = format!(
                "{} ({:.1} %)",
                time(tally.cycles),
                share(tally.cycles, total.cycles)
            );
            bar(
                sheet,
                (200, y),
                tally.exits,
                &exits,
                exits_text,
                paper::colour(0),
            )?;
            bar(
                sheet,
                (670, y),
                tally.cycles,
                &cycles,
                time_text,
                paper::colour(1),
            )?;
        }
        Ok(())
    })
}

/// A bar with its text behind it.
fn bar(
    sheet: &DrawingArea<SVGBackend<'_>, Shift>,
    (x, y): (i32, i32),
    value: u64,
    all: &[u64],
    text: String,
    colour: RGBColor,
) -> paper::Drawn {
    /// Of the longest, so that its text has room.
    const WIDTH: f64 = 300.0;
    let longest = all.iter().copied().max().unwrap_or(0).max(1);
    // One that is there can be seen.
    let width = (value as f64 / longest as f64 * WIDTH).round().max(1.0) as i32;
    sheet.draw(&Rectangle::new(
        [(x, y + 3), (x + width, y + ROW - 3)],
        colour.filled(),
    ))?;
    let anchor = Pos::new(HPos::Left, VPos::Center);
    let style = paper::text(13).pos(anchor);
    sheet.draw(&Text::new(text, (x + width + 6, y + ROW / 2), style))?;
    Ok(())
}
