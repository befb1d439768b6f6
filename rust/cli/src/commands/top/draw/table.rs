// SPDX-License-Identifier: GPL-2.0

//! Drawing of a table: a title with the position, a heading, and a page of rows.

use super::BOLD;
use crate::commands::top::{
    columns::{fit, Column},
    listing::Listing,
};
use ratatui::{
    layout::{Constraint, Rect},
    style::{Modifier, Style},
    text::{Line, Span},
    widgets::{Block, Cell, Row},
    Frame,
};
use std::ops::Range;

/// A table of rows `R`.
pub struct Table<'a, R> {
    /// Title of the table.
    pub title: String,
    /// All columns.
    pub columns: &'a [Column<R>],
    /// All rows.
    pub rows: &'a [R],
    /// Number of leading rows that are sums over the others.
    pub sums: usize,
    /// The selected row.
    pub selected: Option<usize>,
    /// Whether keys act on the table.
    pub focused: bool,
}

impl<R> Table<'_, R> {
    /// Draws the table, scrolled to the selected row.
    pub fn draw(&self, frame: &mut Frame<'_>, area: Rect, listing: &mut Listing) {
        let page = usize::from(area.height.saturating_sub(2));
        let shown = listing.scroll(self.selected, self.rows.len(), page);
        let columns = fit(self.columns, area.width);
        let heads = columns.iter().map(|&(at, width)| {
            let style = match at == listing.column {
                true => BOLD.add_modifier(Modifier::UNDERLINED),
                false => BOLD,
            };
            let column = &self.columns[at];
            cell(column.head, column, width).style(style)
        });
        let rows = self.rows[shown.clone()].iter().zip(shown.clone());
        let rows = rows.map(|(row, number)| {
            let cells = columns.iter().map(|&(at, width)| {
                let column = &self.columns[at];
                cell(&(column.value)(row).text(width), column, width)
            });
            Row::new(cells).style(match (self.selected == Some(number), self.focused) {
                (true, true) => Style::new().add_modifier(Modifier::REVERSED),
                (true, false) => BOLD,
                (false, _) => Style::new(),
            })
        });
        let title = self.title(listing, shown.clone());
        let title = Span::styled(title, if self.focused { BOLD } else { Style::new() });
        let widths = columns.iter().map(|&(_, width)| Constraint::Length(width));
        let table = ratatui::widgets::Table::new(rows, widths)
            .header(Row::new(heads))
            .block(Block::new().title(title));
        frame.render_widget(table, area);
    }

    /// Returns the title, with the range of rows shown, their total number and their order.
    fn title(&self, listing: &Listing, shown: Range<usize>) -> String {
        let all = self.rows.len() - self.sums.min(self.rows.len());
        let (first, last) = (
            shown.start.saturating_sub(self.sums) + 1,
            shown.end.saturating_sub(self.sums),
        );
        let position = match (all, first <= last) {
            (0, _) => "none".to_owned(),
            (_, false) => format!("0 of {all}"),
            _ => format!("{first}-{last} of {all}"),
        };
        let by = self.columns.get(listing.column);
        let by = by.map_or("", |column| column.order);
        let reversed = if listing.reversed { ", reversed" } else { "" };
        let filter = match listing.filter.as_str() {
            "" => String::new(),
            filter => format!(", filter {filter}"),
        };
        format!("{}: {position}, by {by}{reversed}{filter}", self.title)
    }
}

/// Returns a cell. Numbers are right-aligned, texts left-aligned.
fn cell<R>(text: &str, column: &Column<R>, width: u16) -> Cell<'static> {
    let line = Line::from(shortened(text, width.into()));
    Cell::from(match column.is_numeric() {
        true => line.right_aligned(),
        false => line,
    })
}

/// Shortens a text that is wider than a column.
fn shortened(text: &str, width: usize) -> String {
    let wide = |text: &str| Span::raw(text).width();
    if wide(text) <= width {
        return text.to_owned();
    }
    let ends = text.char_indices().map(|(at, _)| at);
    let end = ends.take_while(|&end| wide(&text[..end]) < width).last();
    text[..end.unwrap_or(0)].to_owned() + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_end_in_an_ellipsis() {
        for (text, width, short) in [
            ("qemu", 4, "qemu"),
            ("qemu-system", 6, "qemu-…"),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("日本語", 1, "…"),
        ] {
            assert_eq!(shortened(text, width), short);
        }
    }
}
