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
    /// The file to write: NAME.svg or NAME.png
    #[arg(short, long, value_name = "FILE", value_parser = super::format::file())]
    pub output: PathBuf,
    /// What to draw
    #[arg(long, value_enum, default_value_t)]
    pub kind: PlotKind,
    /// The reason of a histogram, or of details, by number or name
    #[arg(long, value_parser = crate::reason::parse, required_if_eq("kind", "histogram"))]
    pub reason: Option<crate::reason::Wanted>,
    /// Mark a moment of a rate over time that the recording has, besides those that are in the recording (`record --marks`)
    #[arg(long, value_name = "SECONDS=LABEL", value_parser = mark)]
    pub mark: Vec<(f64, String)>,
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
    /// Exits and time by what exits were about, of a recording with details; with --reason of one reason
    Details,
}

fn mark(word: &str) -> Result<(f64, String), String> {
    let (seconds, label) = word.split_once('=').unwrap_or((word, ""));
    match seconds.parse::<f64>() {
        Ok(seconds) if seconds >= 0.0 && seconds.is_finite() && !label.is_empty() => {
            Ok((seconds, label.to_owned()))
        }
        _ => Err("a mark is seconds since the recording began, and a label: 2.5=login".to_owned()),
    }
}
