// SPDX-License-Identifier: GPL-2.0

//! Output: tables for people, JSON and CSV for programs.

pub mod csv;
pub mod fit;
pub mod json;
pub mod table;

use crate::{
    cli::{Format, PrintArgs},
    error::Error,
    view::View,
};
use std::{env, io::Write};

/// Standard output, without colour if it is not a terminal or `NO_COLOR` is set.
#[must_use]
pub fn stdout() -> impl Write {
    anstream::stdout()
}

/// Returns the maximum width of a line: `COLUMNS`, or the terminal's width. Lines in files and pipes have no
/// maximum.
#[must_use]
pub fn width() -> Option<usize> {
    let columns = env::var("COLUMNS").ok();
    let columns = columns.and_then(|columns| columns.parse().ok());
    let terminal = || {
        let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
        Some(usize::from(size.ws_col))
    };
    columns.or_else(terminal).filter(|&width| width > 0)
}

/// Prints one view after another.
#[derive(Debug)]
pub struct Printer<W> {
    out: W,
    format: Format,
    time: bool,
    nested: bool,
    width: Option<usize>,
    printed: u64,
}

impl<W: Write> Printer<W> {
    /// Returns a printer that writes to `out`.
    pub fn new(out: W, args: &PrintArgs) -> Self {
        Self {
            out,
            format: args.format,
            time: args.time,
            nested: args.nested,
            width: width(),
            printed: 0,
        }
    }

    /// Prints a view.
    ///
    /// # Errors
    ///
    /// Writing fails.
    pub fn print(&mut self, view: &View) -> Result<(), Error> {
        match self.format {
            Format::Table => {
                if self.printed > 0 {
                    writeln!(self.out)?;
                }
                table::view(&mut self.out, view, (self.time, self.nested), self.width)?;
            }
            Format::Json => json::view(&mut self.out, view)?,
            Format::Csv => csv::view(&mut self.out, view, self.printed == 0)?,
        }
        // A reader may be waiting for this output.
        self.out.flush()?;
        self.printed += 1;
        Ok(())
    }
}
