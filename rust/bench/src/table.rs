// SPDX-License-Identifier: GPL-2.0

//! Tables for the terminal.

use comfy_table::{presets::UTF8_FULL_CONDENSED, CellAlignment, Table};

/// Creates an empty table. Its first `texts` columns contain texts, the others numbers.
pub fn new(header: &[&str], texts: usize) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED);
    table.set_header(header);
    for column in table.column_iter_mut().skip(texts) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
