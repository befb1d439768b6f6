// SPDX-License-Identifier: GPL-2.0

//! `exitstat plot`

use super::ScopeArgs;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Plot a recording
///
/// Plots the exits between the first and the last snapshot of a recording. The extension of the
/// output file selects the format. No fonts need to be installed.
#[derive(Args, Debug)]
pub struct PlotArgs {
    /// Recording to plot
    pub file: PathBuf,
    /// File to write: NAME.svg or NAME.png
    #[arg(short, long, value_name = "FILE", value_parser = super::format::file())]
    pub output: PathBuf,
    /// Kind of plot
    #[arg(long, value_enum, default_value_t)]
    pub kind: PlotKind,
    /// Quantity of a rate plot [default: exits]
    #[arg(long, value_enum, value_name = "WHAT")]
    pub of: Option<RateOf>,
    /// Exit reason of a histogram or details plot, by number or name
    #[arg(long, value_parser = crate::reason::parse, required_if_eq("kind", "histogram"))]
    pub reason: Option<crate::reason::Wanted>,
    /// Add a mark to a rate plot, besides the marks in the recording (`record --marks`)
    #[arg(long, value_name = "SECONDS=LABEL", value_parser = mark)]
    pub mark: Vec<(f64, String)>,
    /// Colour theme
    #[arg(long, value_enum, default_value_t)]
    pub theme: PlotTheme,
    /// Size of an SVG in pixels, from 800x400 to 4000x3000; a PNG has twice the width and height.
    /// Bars that do not fit are combined into one [default: 1100x560; totals and details: as high
    /// as needed]
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = size)]
    pub size: Option<(u32, u32)>,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub scope: ScopeArgs,
}

/// Kinds of pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PlotKind {
    /// Exits or time per second, over time, by reason
    #[default]
    Rate,
    /// Exits and time by reason
    Totals,
    /// Histogram of the kernel time of one reason's exits
    Histogram,
    /// Exits and time by MSR, port, address and so on, from a recording with details
    Details,
}

/// Quantities of a rate plot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum RateOf {
    /// VM exits
    #[default]
    Exits,
    /// Kernel plus user time
    Time,
    /// Kernel time
    KernelTime,
    /// User time
    UserTime,
}

/// Colours of a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PlotTheme {
    /// Dark text on white
    #[default]
    Light,
    /// Light text on black
    Dark,
}

fn mark(word: &str) -> Result<(f64, String), String> {
    let (seconds, label) = word.split_once('=').unwrap_or((word, ""));
    match seconds.parse::<f64>() {
        Ok(seconds) if seconds >= 0.0 && seconds.is_finite() && !label.is_empty() => {
            Ok((seconds, label.to_owned()))
        }
        _ => Err(
            "expected seconds since the recording began and a label, as in 2.5=login".to_owned(),
        ),
    }
}

fn size(word: &str) -> Result<(u32, u32), String> {
    let sides = word.split_once('x').and_then(|(width, height)| {
        let (width, height) = (width.parse().ok()?, height.parse().ok()?);
        ((800..=4000).contains(&width) && (400..=3000).contains(&height)).then_some((width, height))
    });
    sides
        .ok_or_else(|| "expected WIDTHxHEIGHT from 800x400 to 4000x3000, as in 1200x600".to_owned())
}
