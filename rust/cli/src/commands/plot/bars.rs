// SPDX-License-Identifier: GPL-2.0

//! Exits, and kernel and userspace time, as two columns of bars.

use super::{
    colours, font,
    number::{number, seconds},
    paper::{Area, Drawn, Failed, Paper, MARGIN},
    theme::Theme,
    Recorded,
};
use crate::view::View;
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

/// Maximum number of bars, unless the size is given. All others are combined in one more.
const MOST: usize = 18;

/// Height of a bar with its spacing.
const ROW: i32 = 24;

/// Height of the column titles.
const HEAD: i32 = 30;

/// Largest and smallest font size of a column title.
const SIZES: (u32, u32) = (15, 10);

/// Font sizes of names, and of bar labels.
const NAME: u32 = 14;
const TEXT: u32 = 13;

/// Horizontal spacing.
const GAP: i32 = 12;

/// Opacity of the userspace part of a bar.
const PALE: f64 = 0.4;

/// Counts shown as bars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Exits.
    pub exits: u64,
    /// Cycles in the kernel.
    pub kernel: u64,
    /// Cycles in userspace.
    pub user: u64,
}

impl Amounts {
    /// Returns the cycles in the kernel and in userspace.
    pub fn time(self) -> u64 {
        self.kernel.saturating_add(self.user)
    }
}

impl std::iter::Sum for Amounts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |a, b| Self {
            exits: a.exits.wrapping_add(b.exits),
            kernel: a.kernel.wrapping_add(b.kernel),
            user: a.user.wrapping_add(b.user),
        })
    }
}

/// A row of the chart.
#[derive(Clone, Debug)]
pub struct Bar {
    /// Name of the row.
    pub name: String,
    /// Colour of its bars.
    pub colour: RGBColor,
    /// The lengths of its bars.
    pub amounts: Amounts,
}

/// Bar chart.
#[derive(Debug)]
pub struct Bars {
    /// The title.
    pub title: String,
    /// The rows, in order.
    pub bars: Vec<Bar>,
    /// Basis of the shares.
    pub total: Amounts,
}

impl Bars {
    /// Draws the chart.
    ///
    /// # Errors
    ///
    /// Drawing fails.
    pub fn draw(mut self, paper: &Paper, recorded: &Recorded) -> Result<String, Failed> {
        let most = match paper.height_for(0) {
            0 => MOST,
            height => ((height - HEAD - MARGIN) / ROW - 1).unsigned_abs() as usize,
        };
        self.cut(most);
        let mut columns = vec![self.exits()];
        if recorded.all.has_times() {
            columns.push(self.time(&recorded.all));
        }
        let names = self.bars.iter().map(|bar| font::width(&bar.name, NAME));
        let names = names.max().unwrap_or(0).min(paper.width() * 2 / 5);
        place(&mut columns, MARGIN + names + GAP, paper.width() - MARGIN);

        let height = paper.height_for(HEAD + ROW * self.bars.len().max(1) as i32 + MARGIN);
        paper.draw(height, (&self.title, &recorded.about), |area| {
            for column in &columns {
                column.head(area, paper.theme)?;
            }
            for (i, bar) in self.bars.iter().enumerate() {
                let y = HEAD + ROW * i as i32;
                let name = font::shorten(&bar.name, NAME, names);
                let style = paper.theme.text(NAME);
                let style = style.pos(Pos::new(HPos::Right, VPos::Center));
                area.draw(&Text::new(name, (MARGIN + names, y + ROW / 2), style))?;
                for column in &columns {
                    column.bar(area, paper.theme, (i, y), bar.colour)?;
                }
            }
            Ok(())
        })
    }

    /// Removes rows without exits, and combines those beyond `most`.
    fn cut(&mut self, most: usize) {
        self.bars.retain(|bar| bar.amounts.exits > 0);
        // If there is only one more, it takes no more space than the combined row.
        if self.bars.len() > most + 1 {
            let others = self.bars.split_off(most);
            self.bars.push(Bar {
                name: format!("{} others", others.len()),
                colour: colours::OTHERS,
                amounts: others.iter().map(|bar| bar.amounts).sum(),
            });
        }
    }

    fn exits(&self) -> Column {
        let total = self.total.exits;
        let rows = self.bars.iter().map(|bar| {
            let exits = bar.amounts.exits;
            let text = format!("{} ({})", number(exits as f64), percent(exits, total));
            ((exits, 0), text)
        });
        Column::new(
            format!("{} exits", number(total as f64)),
            None,
            rows.collect(),
        )
    }

    fn time(&self, view: &View) -> Column {
        let time = |cycles: u64| match view.seconds_of(cycles as f64) {
            Some(time) => seconds(time),
            None => format!("{} cycles", number(cycles as f64)),
        };
        let rows = self.bars.iter().map(|bar| {
            let Amounts { kernel, user, .. } = bar.amounts;
            let percent = percent(bar.amounts.time(), self.total.time());
            let text = match user {
                0 => format!("{} ({percent})", time(kernel)),
                _ => format!("{} + {} ({percent})", time(kernel), time(user)),
            };
            ((kernel, user), text)
        });
        let user = self.total.user;
        Column::new(
            format!("{} in the kernel", time(self.total.kernel)),
            (user > 0).then(|| format!("{} in userspace", time(user))),
            rows.collect(),
        )
    }
}

fn percent(part: u64, all: u64) -> String {
    format!("{:.1} %", part as f64 / all.max(1) as f64 * 100.0)
}

/// Solid and pale part of a bar, and its label.
type Row = ((u64, u64), String);

/// A column of bars.
#[derive(Debug)]
struct Column {
    title: String,
    /// Meaning of the pale parts.
    pale: Option<String>,
    rows: Vec<Row>,
    /// Value of the longest bar.
    longest: u64,
    x: i32,
    /// Width of the longest bar in pixels.
    width: i32,
}

/// Divides the space from `x` to `end` among the columns, such that all labels fit.
fn place(columns: &mut [Column], mut x: i32, end: i32) {
    let texts: i32 = columns.iter().map(Column::text_width).sum();
    let width = ((end - x - texts) / (columns.len() as i32).max(1)).max(1);
    for column in columns {
        (column.x, column.width) = (x, width);
        x += width + column.text_width();
    }
}

impl Column {
    fn new(title: String, pale: Option<String>, rows: Vec<Row>) -> Self {
        let longest = rows.iter().map(|((a, b), _)| a.saturating_add(*b)).max();
        Self {
            title,
            pale,
            longest: longest.unwrap_or(0).max(1),
            rows,
            x: 0,
            width: 0,
        }
    }

    /// Returns the width of the longest label, including the gap to the next column.
    fn text_width(&self) -> i32 {
        let texts = self.rows.iter().map(|(_, text)| font::width(text, TEXT));
        texts.max().unwrap_or(0) + 3 * GAP
    }

    /// Draws the title, with a key to both shades if there are two.
    fn head(&self, area: &Area<'_>, theme: Theme) -> Drawn {
        let room = self.width + self.text_width() - GAP;
        let (x, middle) = (self.x, HEAD / 2 - 3);
        let draw = |x: i32, title: &str, size: u32| {
            let style = theme.text(size).pos(Pos::new(HPos::Left, VPos::Center));
            area.draw(&Text::new(title.to_owned(), (x, middle), style))
        };
        let Some(pale) = &self.pale else {
            draw(x, &self.title, font::fit(&self.title, SIZES, room))?;
            return Ok(());
        };
        let samples = 2 * (GAP + GAP / 2) + GAP;
        let size = font::fit(&format!("{}{pale}", self.title), SIZES, room - samples);
        let mut x = x;
        for (title, opacity) in [(&self.title, 1.0), (pale, PALE)] {
            let sample = [(x, middle - GAP / 2), (x + GAP, middle + GAP / 2)];
            area.draw(&Rectangle::new(sample, theme.line.mix(opacity).filled()))?;
            x += GAP + GAP / 2;
            draw(x, title, size)?;
            x += font::width(title, size) + GAP;
        }
        Ok(())
    }

    /// Draws the bar of a row, followed by its label.
    fn bar(
        &self,
        area: &Area<'_>,
        theme: Theme,
        (row, y): (usize, i32),
        colour: RGBColor,
    ) -> Drawn {
        let Some(((solid, pale), text)) = self.rows.get(row) else {
            return Ok(());
        };
        let pixels = |value: u64| {
            let width = value as f64 / self.longest as f64 * f64::from(self.width);
            // Nonzero values must be visible.
            width.round().max(f64::from(u8::from(value > 0))) as i32
        };
        let (top, bottom) = (y + 3, y + ROW - 3);
        let middle = self.x + pixels(*solid);
        let end = middle + pixels(*pale);
        for (from, to, colour) in [
            (self.x, middle, colour.to_rgba()),
            (middle, end, colour.mix(PALE)),
        ] {
            if to > from {
                let corners = [(from, top), (to, bottom)];
                area.draw(&Rectangle::new(corners, colour.filled()))?;
            }
        }
        let style = theme.text(TEXT).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(
            text.clone(),
            (end + GAP / 2, y + ROW / 2),
            style,
        ))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(exits: &[u64]) -> Bars {
        let bar = |&exits: &u64| Bar {
            name: "HLT".to_owned(),
            colour: colours::OTHERS,
            amounts: Amounts {
                exits,
                kernel: exits * 10,
                user: 1,
            },
        };
        let bars: Vec<_> = exits.iter().map(bar).collect();
        let total = bars.iter().map(|bar| bar.amounts).sum();
        Bars {
            title: String::new(),
            bars,
            total,
        }
    }

    #[test]
    fn what_is_beyond_the_most_is_one_bar() {
        let mut some = bars(&[9, 5, 0, 3, 2]);
        some.cut(3);
        assert_eq!(some.bars.len(), 4);
        assert_eq!(some.bars[3].name, "HLT");
        some = bars(&[9, 5, 0, 3, 2]);
        some.cut(2);
        let others = some.bars.last().unwrap();
        assert_eq!((others.name.as_str(), some.bars.len()), ("2 others", 3));
        let sum = Amounts {
            exits: 5,
            kernel: 50,
            user: 2,
        };
        assert_eq!(others.amounts, sum);
    }

    #[test]
    fn columns_share_the_room_and_leave_it_for_texts() {
        let bars = bars(&[900, 5, 3]);
        let mut columns = [bars.exits(), bars.exits()];
        place(&mut columns, 200, 1000);
        assert_eq!(columns[0].x, 200);
        let end = |column: &Column| column.x + column.width + column.text_width();
        assert_eq!(columns[1].x, end(&columns[0]));
        assert!((998..=1000).contains(&end(&columns[1])));
    }
}
