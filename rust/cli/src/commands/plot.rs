// SPDX-License-Identifier: GPL-2.0

//! `exitstat plot`: pictures of recordings.

use super::look::details as details_of;
use crate::{
    cli::{PlotArgs, PlotKind, RowsArgs},
    detail::Rows,
    error::Error,
    model::{Period, Scope},
    source::recording::{self, Reader},
    view::{not_there, View},
};
use std::{fs, process::ExitCode};

mod bars;
mod details;
mod histogram;
mod paper;
mod rate;
mod totals;

use paper::Format;

/// Carries it out.
///
/// # Errors
///
/// The recording cannot be read or has nothing to draw, or the file cannot be written.
pub fn run(args: &PlotArgs) -> Result<ExitCode, Error> {
    let format = Format::of(&args.output)?;
    let recorded = Recorded::open(args)?;
    let svg = match (args.kind, args.reason) {
        (PlotKind::Rate, _) => rate::draw(&recorded),
        (PlotKind::Totals, _) => totals::draw(&recorded),
        (PlotKind::Details, reason) => {
            let wanted: Vec<_> = reason.into_iter().collect();
            let scope = Scope::from(&args.scope);
            let details = details_of(&recorded.period, Some(&args.file))?;
            let found = Rows::of(&recorded.period, details, scope, &wanted);
            details::draw(&recorded, &found.ok_or_else(|| not_there(scope))?)
        }
        (PlotKind::Histogram, Some(reason)) => histogram::draw(&recorded, reason)?,
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

/// What is to be drawn.
#[derive(Debug)]
struct Recorded {
    /// Of whom, and how long.
    title: String,
    /// Each time between two snapshots: when it ended, in seconds since the first one, and what was
    /// counted.
    intervals: Vec<(f64, View)>,
    /// Moments that have names, by such seconds.
    marks: Vec<(f64, String)>,
    /// All of it.
    all: View,
    /// The same, with what exits were about.
    period: Period,
    /// Whether that is all that was recorded.
    whole: bool,
}

impl Recorded {
    fn open(args: &PlotArgs) -> Result<Self, Error> {
        let mut reader = Reader::open(&args.file)?;
        let failed = |why| Error::Recording {
            path: args.file.clone(),
            why,
        };
        let scope = Scope::from(&args.scope);
        let rows = RowsArgs::default();
        let first = reader.next_sample().map_err(failed)?;
        let mut last = first.ok_or_else(|| failed(recording::Error::Empty))?;
        let (mut all, mut intervals): (Option<Period>, _) = (None, Vec::new());
        let mut end = 0.0;
        let mut marks = args.mark.clone();
        marks.extend(reader.take_marks().into_iter().map(|label| (end, label)));
        while let Some(sample) = reader.next_sample().map_err(failed)? {
            let period = Period::between(&last, &sample);
            let view = View::of_interval(&period, scope, &rows);
            end += view.seconds.unwrap_or(0.0);
            intervals.push((end, view));
            marks.extend(reader.take_marks().into_iter().map(|label| (end, label)));
            match &mut all {
                Some(all) => all.extend(&period),
                None => all = Some(period),
            }
            last = sample;
        }
        let warning = reader.warning();
        if let Some(warning) = &warning {
            crate::say!("exitstat: {}: {warning}", args.file.display());
        }
        if let Some((at, label)) = args.mark.iter().find(|(at, _)| *at > end) {
            return Err(Error::Usage(format!(
                "--mark {at}={label} is beyond the recording's end, after {end:.3} s"
            )));
        }
        let period = all.ok_or_else(|| {
            let file = args.file.display();
            Error::Incomplete(format!(
                "{file}: there is one snapshot in it; to draw what happened takes two"
            ))
        })?;
        let all = View::of(&period, scope, &rows).ok_or_else(|| not_there(scope))?;
        Ok(Self {
            title: format!("{}, {end:.1} s", all.subject),
            intervals,
            marks,
            all,
            period,
            whole: warning.is_none(),
        })
    }
}
