// SPDX-License-Identifier: GPL-2.0

//! Fits a table to a width: selects its columns and shortens its texts.
//!
//! Widths are terminal columns: a Chinese character takes two, a combining character none.

use std::borrow::Cow;
use unicode_width::UnicodeWidthStr;

/// Width to which texts are shortened before a column is dropped.
const COMFORTABLE: usize = 24;

/// Minimum width of texts until all columns that may be dropped have been dropped.
const LEAST: usize = 8;

/// Spaces between a text and the next column.
const GAP: usize = 2;

/// End of a shortened text.
const ELLIPSIS: &str = "…";

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Heading.
    pub head: Cow<'static, str>,
    /// Whether it contains numbers, which are right-aligned and never shortened.
    pub is_number: bool,
    /// Rank in which it is dropped if the table is too wide, lowest first; `None` if it stays.
    pub goes: Option<u8>,
}

impl Column {
    /// Returns a column of texts that is never dropped.
    #[must_use]
    pub fn text(head: impl Into<Cow<'static, str>>) -> Self {
        Self {
            head: head.into(),
            is_number: false,
            goes: None,
        }
    }

    /// Returns a column of numbers that is never dropped.
    #[must_use]
    pub fn number(head: impl Into<Cow<'static, str>>) -> Self {
        Self {
            is_number: true,
            ..Self::text(head)
        }
    }

    /// Returns the same column, dropped at this rank.
    #[must_use]
    pub fn goes(mut self, place: u8) -> Self {
        self.goes = Some(place);
        self
    }

    /// Returns the number of spaces between it and the next column.
    fn gap(&self, behind_numbers: usize) -> usize {
        match self.is_number {
            true => behind_numbers,
            false => GAP,
        }
    }
}

/// Lays out a table: its heading, then its rows, each line at most `width` wide.
///
/// Shortens texts to a comfortable width, then drops columns in their order, then shortens texts further. If even the
/// remaining columns are too wide, cuts the lines.
#[must_use]
pub fn lay_out(
    columns: &[Column],
    rows: &[Vec<String>],
    behind_numbers: usize,
    width: Option<usize>,
) -> Vec<String> {
    let heads: Vec<&str> = columns.iter().map(|column| &*column.head).collect();
    let rows = rows.iter().map(|row| row.iter().map(|text| &**text));
    let lines: Vec<Vec<&str>> = [heads]
        .into_iter()
        .chain(rows.map(Iterator::collect))
        .collect();
    let wanted: Vec<usize> = (0..columns.len())
        .map(|i| lines.iter().map(|line| line[i].width()).max().unwrap_or(0))
        .collect();
    let shown = choose(columns, &wanted, behind_numbers, width);
    let lines = lines.iter().map(|line| {
        let mut text = String::new();
        for &(i, room) in &shown {
            let cell = shorten(line[i], room);
            let blanks = " ".repeat(room.saturating_sub(cell.width()));
            match columns[i].is_number {
                true => text.extend([&*blanks, &*cell]),
                false => text.extend([&*cell, &*blanks]),
            }
            text.push_str(&" ".repeat(columns[i].gap(behind_numbers)));
        }
        let text = text.trim_end();
        width.map_or_else(
            || text.to_owned(),
            |width| shorten(text, width).into_owned(),
        )
    });
    lines.collect()
}

/// Returns the columns to show, and the width of each.
fn choose(
    columns: &[Column],
    wanted: &[usize],
    behind_numbers: usize,
    width: Option<usize>,
) -> Vec<(usize, usize)> {
    let mut shown: Vec<(usize, usize)> = wanted.iter().copied().enumerate().collect();
    // Omit empty columns, such as remarks that no row has.
    shown.retain(|&(_, room)| room != 0);
    let Some(width) = width else {
        return shown;
    };
    let needed = |shown: &[(usize, usize)], most: usize| -> usize {
        let rooms = shown.iter().map(|&(i, room)| match columns[i].is_number {
            true => room,
            false => room.min(most),
        });
        let gaps = shown.iter().rev().skip(1);
        let gaps = gaps.map(|&(i, _)| columns[i].gap(behind_numbers));
        rooms.sum::<usize>() + gaps.sum::<usize>()
    };
    while needed(&shown, COMFORTABLE) > width {
        let first = shown.iter().filter_map(|&(i, _)| columns[i].goes).min();
        let Some(first) = first else { break };
        shown.retain(|&(i, _)| columns[i].goes != Some(first));
    }
    // Shorten the widest texts first.
    let widest = shown.iter().filter(|&&(i, _)| !columns[i].is_number);
    let widest = widest.map(|&(_, room)| room).max().unwrap_or(0);
    let most = (LEAST..=widest)
        .rev()
        .find(|&most| needed(&shown, most) <= width)
        .unwrap_or(LEAST);
    for (i, room) in &mut shown {
        if !columns[*i].is_number {
            *room = (*room).min(most);
        }
    }
    shown
}

/// Returns the text, shortened with an ellipsis if it does not fit.
#[must_use]
pub fn shorten(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    let fits = |end: usize| (text[..end].width() + ELLIPSIS.width() <= width).then_some(end);
    let ends = text.char_indices().map(|(i, _)| i);
    match ends.map_while(fits).last() {
        Some(end) => Cow::Owned(format!("{}{ELLIPSIS}", &text[..end])),
        // Not even the ellipsis fits.
        None => Cow::Borrowed(""),
    }
}

/// Breaks a line between its parts into lines of at most `width`.
pub fn wrap<'a>(
    parts: impl IntoIterator<Item = &'a str>,
    separator: &str,
    width: Option<usize>,
) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        let part = width.map_or(Cow::Borrowed(part), |width| shorten(part, width));
        match lines.last_mut() {
            Some(line)
                if width.is_none_or(|width| {
                    line.width() + separator.width() + part.width() <= width
                }) =>
            {
                line.push_str(separator);
                line.push_str(&part);
            }
            _ => lines.push(part.into_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn columns() -> impl Strategy<Value = (Vec<Column>, Vec<Vec<String>>)> {
        let column = (any::<bool>(), proptest::option::of(0u8..6));
        let table = proptest::collection::vec(column, 1..10).prop_flat_map(|kinds| {
            let n = kinds.len();
            let cell = "[a-zé漢\u{301} ‼\u{fe0f}]{0,40}|[0-9]{1,20}";
            let rows = proptest::collection::vec(proptest::collection::vec(cell, n), 0..6);
            (Just(kinds), rows)
        });
        table.prop_map(|(kinds, rows)| {
            let column = |(i, (is_number, goes)): (usize, (bool, Option<u8>))| Column {
                head: format!("h{i}").into(),
                is_number,
                goes,
            };
            let columns = kinds.into_iter().enumerate().map(column).collect();
            (columns, rows)
        })
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_width(
            (columns, rows) in columns(),
            width in 0usize..200,
            behind in 1usize..3,
        ) {
            let lines = lay_out(&columns, &rows, behind, Some(width));
            prop_assert_eq!(lines.len(), rows.len() + 1);
            for line in &lines {
                prop_assert!(line.width() <= width, "{:?} is wider than {}", line, width);
            }
        }

        #[test]
        fn columns_that_stay_stay_and_the_others_go_in_their_order(
            (columns, rows) in columns(),
            width in 0usize..200,
        ) {
            let head = &lay_out(&columns, &rows, 2, Some(width))[0];
            let least = columns.iter().enumerate().filter(|(_, column)| column.goes.is_none());
            let least: usize = least.map(|(i, column)| {
                let cells = rows.iter().map(|row| row[i].width());
                let widest = cells.chain([column.head.width()]).max().unwrap_or(0);
                2 + if column.is_number { widest } else { widest.min(LEAST) }
            }).sum();
            let is_shown = |column: &Column| head.split_whitespace().any(|word| word == column.head);
            let last = columns.iter().filter(|column| !is_shown(column)).filter_map(|c| c.goes).max();
            for column in &columns {
                match column.goes {
                    None if least <= width + 2 => prop_assert!(is_shown(column), "{:?}: {:?}", column, head),
                    None => (),
                    Some(goes) if least <= width + 2 => {
                        prop_assert_eq!(is_shown(column), Some(goes) > last, "{:?}: {:?}", column, head);
                    }
                    Some(_) => (),
                }
            }
        }

        #[test]
        fn what_fits_is_whole((columns, rows) in columns()) {
            let free = lay_out(&columns, &rows, 2, None);
            let widest = free.iter().map(|line| line.width()).max().unwrap_or(0);
            prop_assert_eq!(&lay_out(&columns, &rows, 2, Some(widest + 200)), &free);
            prop_assert!(free.iter().all(|line| !line.contains(ELLIPSIS)));
        }

        #[test]
        fn broken_lines_fit_and_lose_no_part(parts in proptest::collection::vec("[a-z漢]{1,20}", 0..9), width in 40usize..80) {
            let lines = wrap(parts.iter().map(|part| &**part), "  ", Some(width));
            prop_assert!(lines.iter().all(|line| line.width() <= width));
            let words: Vec<_> = lines.iter().flat_map(|line| line.split_whitespace()).collect();
            prop_assert_eq!(words, parts);
        }
    }

    #[test]
    fn a_long_name_is_shortened_before_a_column_goes() {
        let columns = [
            Column::text("name"),
            Column::number("exits"),
            Column::number("extra").goes(0),
        ];
        let row = vec!["n".repeat(64), "12".to_owned(), "7".to_owned()];
        let lines = lay_out(&columns, &[row], 2, Some(40));
        assert_eq!(lines[1], format!("{}…     12      7", "n".repeat(25)));
    }

    #[test]
    fn a_character_of_two_columns_is_not_cut() {
        assert_eq!(shorten("漢字", 3), "漢…");
        assert_eq!(shorten("漢字", 2), "…");
        assert_eq!(shorten("漢字", 0), "");
        assert_eq!(shorten("漢字", 4), "漢字");
    }
}
