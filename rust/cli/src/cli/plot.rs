// SPDX-License-Identifier: GPL-2.0

//! `exitstat plot`

use super::ScopeArgs;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Draw a recording
///
/// Draws what happened from a recording's first snapshot to its last. The name of the file to draw
/// tells its format. Needs no fonts on this host.
#[derive(Args, Debug)]
pub struct PlotArgs {
    /// The recording
    pub file: PathBuf,
    /// Where to draw: NAME.svg or NAME.png
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// What to draw
    #[arg(long, value_enum, default_value_t)]
    pub kind: PlotKind,
    /// The reason of a histogram, by number or name
    #[arg(long, value_parser = crate::reason::parse, required_if_eq("kind", "histogram"))]
    pub reason: Option<u32>,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub scope: ScopeArgs,
}

/// What can be drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PlotKind {
    /// Exits a second over time, by reason
    #[default]
    Rate,
    /// Exits and time by reason
    Totals,
    /// How long exits of one reason took
    Histogram,
}
