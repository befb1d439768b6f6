// SPDX-License-Identifier: GPL-2.0

//! Printing what was found: tables for people, JSON and CSV for programs.

pub mod csv;
pub mod json;
pub mod table;

use crate::{
    cli::{Format, PrintArgs},
    error::Error,
    view::View,
};
use std::io::Write;

/// Standard output, without colour if it is no terminal or `NO_COLOR` is set.
#[must_use]
pub fn stdout() -> impl Write {
    anstream::stdout()
}

/// Prints one view after another.
#[derive(Debug)]
pub struct Printer<W> {
    out: W,
    format: Format,
    time: bool,
    nested: bool,
    printed: u64,
}

impl<W: Write> Printer<W> {
    /// Prints to `out`.
    pub fn new(out: W, args: &PrintArgs) -> Self {
        Self {
            out,
            format: args.format,
            time: args.time,
            nested: args.nested,
            printed: 0,
        }
    }

    /// Prints a view.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn print(&mut self, view: &View) -> Result<(), Error> {
        match self.format {
            Format::Table => {
                if self.printed > 0 {
                    writeln!(self.out)?;
                }
                table::view(&mut self.out, view, self.time, self.nested)?;
            }
            Format::Json => json::view(&mut self.out, view)?,
            Format::Csv => csv::view(&mut self.out, view, self.printed == 0)?,
        }
        // Somebody may be waiting for it.
        self.out.flush()?;
        self.printed += 1;
        Ok(())
    }
}
