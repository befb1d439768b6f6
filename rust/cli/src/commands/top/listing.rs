// SPDX-License-Identifier: GPL-2.0

//! The order, filter and scroll position of a table.

use super::columns::Column;

/// State of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The column to sort by.
    pub column: usize,
    /// Whether the order is reversed.
    pub reversed: bool,
    /// Filter of rows; see [`super::filter`].
    pub filter: String,
    /// Number of rows scrolled out at the top.
    above: usize,
    /// Number of rows shown last time.
    page: usize,
}

impl Listing {
    /// Creates a listing sorted by a column.
    #[must_use]
    pub fn by<R>(columns: &[Column<R>], order: &str) -> Self {
        let at = columns.iter().position(|column| column.order == order);
        Self {
            column: at.unwrap_or(0),
            ..Self::default()
        }
    }

    /// Sorts rows. The sort is stable.
    pub fn sort<R>(&self, columns: &[Column<R>], rows: &mut [R]) {
        let Some(column) = columns.get(self.column) else {
            return;
        };
        rows.sort_by(|a, b| {
            let order = (column.value)(a).order(&(column.value)(b));
            match self.reversed {
                true => order.reverse(),
                false => order,
            }
        });
    }

    /// Sorts by another column, in its default order.
    pub fn next_column(&mut self, step: usize, columns: usize) {
        self.column = (self.column + step) % columns;
        self.reversed = false;
    }

    /// Returns the rows of a page, scrolled as little as needed to show the selected row.
    pub fn scroll(
        &mut self,
        selected: Option<usize>,
        rows: usize,
        page: usize,
    ) -> std::ops::Range<usize> {
        self.page = page;
        if let Some(at) = selected.filter(|&at| at < rows) {
            let least = (at + 1).saturating_sub(page);
            self.above = self.above.clamp(least.min(at), at);
        }
        self.above = self.above.min(rows.saturating_sub(page));
        self.above..rows.min(self.above.saturating_add(page))
    }

    /// Returns the number of rows in a page, at least one.
    #[must_use]
    pub fn page(&self) -> usize {
        self.page.max(1)
    }

    /// Scrolls to the first row.
    pub fn rewind(&mut self) {
        self.above = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_selected_row_is_on_the_page(moves in prop::collection::vec((0usize..90, 0usize..90, 0usize..40), 1..20)) {
            let mut listing = Listing::default();
            for (selected, rows, page) in moves {
                let shown = listing.scroll(Some(selected), rows, page);
                prop_assert_eq!(shown.len(), page.min(rows));
                prop_assert!(shown.end <= rows);
                prop_assert!(selected >= rows || page == 0 || shown.contains(&selected));
            }
        }
    }
}
