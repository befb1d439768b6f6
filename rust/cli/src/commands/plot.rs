// SPDX-License-Identifier: GPL-2.0

//! `exitstat plot`: plots of recordings.

use super::look::details as details_of;
use crate::{
    cli::{PlotArgs, PlotKind},
    detail::Rows,
    error::Error,
    view::not_there,
};
use std::{fs, process::ExitCode};

mod axis;
mod bars;
mod colours;
mod details;
mod flags;
mod font;
mod histogram;
mod number;
mod paper;
mod rate;
mod recorded;
mod theme;
mod totals;

use paper::{Format, Paper};
use recorded::Recorded;

/// Runs the command.
///
/// # Errors
///
/// The recording cannot be read or has nothing to draw, or the file cannot be written.
pub fn run(args: &PlotArgs) -> Result<ExitCode, Error> {
    let format = Format::of(&args.output)?;
    let recorded = Recorded::open(args)?;
    let paper = Paper::from(args);
    let svg = match (args.kind, args.reason) {
        (PlotKind::Rate, _) => rate::draw(&paper, &recorded, args.of.unwrap_or_default())?,
        (PlotKind::Totals, _) => totals::draw(&paper, &recorded),
        (PlotKind::Details, reason) => {
            let wanted: Vec<_> = reason.into_iter().collect();
            let scope = recorded.scope;
            let details = details_of(&recorded.period, Some(&args.file))?;
            let found = Rows::of(&recorded.period, details, scope, &wanted);
            details::draw(&paper, &recorded, &found.ok_or_else(|| not_there(scope))?)
        }
        (PlotKind::Histogram, Some(reason)) => histogram::draw(&paper, &recorded, reason)?,
        (PlotKind::Histogram, None) => {
            return Err(Error::Usage("a histogram needs --reason".to_owned()))
        }
    };
    let svg = svg.map_err(|error| Error::Failed(format!("cannot draw: {error}")))?;
    let bytes = match format {
        Format::Svg => svg.into_bytes(),
        Format::Png => paper::png(&svg)?,
    };
    let what = format!("cannot write {}", args.output.display());
    fs::write(&args.output, bytes).map_err(Error::io(what))?;
    Ok(super::done(recorded.whole))
}
