// SPDX-License-Identifier: GPL-2.0

//! Exits, and the time that they took, as two columns of bars.

use super::paper::{self, Failed};
use exitstat_core::tally::Tally;
use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

/// Bars that are drawn; what else there is makes one more.
const MOST: usize = 18;

/// Height of a bar and the room around it.
const ROW: i32 = 24;

/// Room for titles, and below.
const HEAD: i32 = 78;

/// Room for a bar's text behind it.
const TEXT: i32 = 165;

/// What is drawn.
pub struct Bars {
    /// Of what, and of whom.
    pub title: String,
    /// Room for the names.
    pub names: i32,
    /// Names, and what was counted, in order.
    pub bars: Vec<(String, Tally)>,
    /// What the shares are of.
    pub total: Tally,
}

impl Bars {
    /// Draws it. `seconds_of` tells the time of cycles, if it is known.
    ///
    /// # Errors
    ///
    /// It cannot be drawn.
    pub fn draw(mut self, seconds_of: impl Fn(f64) -> Option<f64>) -> Result<String, Failed> {
        self.bars.retain(|(_, tally)| tally.exits > 0);
        let others = self.bars.split_off(self.bars.len().min(MOST));
        if !others.is_empty() {
            let sum = others.iter().map(|&(_, tally)| tally).sum();
            self.bars.push((format!("{} others", others.len()), sum));
        }
        let Self {
            title,
            names,
            bars,
            total,
        } = self;
        let time = |cycles: u64| match seconds_of(cycles as f64) {
            Some(time) => paper::seconds(time),
            None => format!("{} cycles", paper::number(cycles as f64)),
        };
        let columns = [
            Column {
                x: names,
                longest: longest(&bars, |tally| tally.exits),
                colour: paper::colour(0),
            },
            Column {
                x: (names + paper::SIZE.0 as i32) / 2 + 10,
                longest: longest(&bars, |tally| tally.cycles),
                colour: paper::colour(1),
            },
        ];
        let width = columns[1].x - columns[0].x - TEXT;

        let height = HEAD + ROW * bars.len().max(1) as i32 + 12;
        paper::draw(height.unsigned_abs(), |sheet| {
            sheet.draw(&Text::new(title, (14, 12), paper::text(20)))?;
            let heads = [
                format!("{} exits", paper::number(total.exits as f64)),
                format!("{} to handle them", time(total.cycles)),
            ];
            for (column, head) in columns.iter().zip(heads) {
                sheet.draw(&Text::new(head, (column.x, 48), paper::text(15)))?;
            }
            for (i, (name, tally)) in bars.iter().enumerate() {
                let y = HEAD + ROW * i as i32;
                let anchor = Pos::new(HPos::Right, VPos::Center);
                let style = paper::text(14).pos(anchor);
                sheet.draw(&Text::new(name.clone(), (names - 10, y + ROW / 2), style))?;
                let share = |part: u64, all: u64| part as f64 / all.max(1) as f64 * 100.0;
                let exits = share(tally.exits, total.exits);
                let exits = format!("{} ({exits:.1} %)", paper::number(tally.exits as f64));
                columns[0].bar(sheet, y, width, tally.exits, exits)?;
                let cycles = share(tally.cycles, total.cycles);
                let cycles = format!("{} ({cycles:.1} %)", time(tally.cycles));
                columns[1].bar(sheet, y, width, tally.cycles, cycles)?;
            }
            Ok(())
        })
    }
}

fn longest(bars: &[(String, Tally)], of: impl Fn(&Tally) -> u64) -> u64 {
    let amounts = bars.iter().map(|(_, tally)| of(tally));
    amounts.max().unwrap_or(0).max(1)
}

/// Bars below one another.
struct Column {
    x: i32,
    longest: u64,
    colour: RGBColor,
}

impl Column {
    /// A bar with its text behind it; the longest of them is of `width`.
    fn bar(
        &self,
        sheet: &DrawingArea<SVGBackend<'_>, Shift>,
        y: i32,
        width: i32,
        value: u64,
        text: String,
    ) -> paper::Drawn {
        // One that is there can be seen.
        let width = value as f64 / self.longest as f64 * f64::from(width);
        let end = self.x + width.round().max(1.0) as i32;
        sheet.draw(&Rectangle::new(
            [(self.x, y + 3), (end, y + ROW - 3)],
            self.colour.filled(),
        ))?;
        let anchor = Pos::new(HPos::Left, VPos::Center);
        let style = paper::text(13).pos(anchor);
        sheet.draw(&Text::new(text, (end + 6, y + ROW / 2), style))?;
        Ok(())
    }
}
