// SPDX-License-Identifier: GPL-2.0

//! Formats of `exitstat report`: it has one more than the other commands.

use super::{Format, PrintArgs};
use clap::ValueEnum;

/// Formats of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// Human-readable table
    #[default]
    Table,
    /// JSON, one line per document
    Json,
    /// Comma-separated values with a header
    Csv,
    /// Trace of each interval for ui.perfetto.dev
    Perfetto,
}

impl PrintArgs<ReportFormat> {
    /// Returns how a report is printed as other commands print; `None` for a trace.
    #[must_use]
    pub fn printed(&self) -> Option<PrintArgs> {
        let format = match self.format {
            ReportFormat::Table => Format::Table,
            ReportFormat::Json => Format::Json,
            ReportFormat::Csv => Format::Csv,
            ReportFormat::Perfetto => return None,
        };
        Some(PrintArgs {
            format,
            cycles: self.cycles,
            time: self.time,
            nested: self.nested,
        })
    }
}
