// SPDX-License-Identifier: GPL-2.0

//! Period that a command shows, from a recording or the running kernel.

use super::interrupt::Interrupt;
use crate::{
    cli::LookArgs,
    counted_by::CountedBy,
    detail::Details,
    error::Error,
    model::Period,
    source::{capture::Capture, recording::Recording, Source},
};
use std::{path::Path, time::Instant};

/// Reads a recording, and warns if it is incomplete.
///
/// # Errors
///
/// It cannot be read.
pub(super) fn open(path: &Path) -> Result<Recording, Error> {
    let recording = Recording::open(path)?;
    if let Some(warning) = recording.warning() {
        crate::say!("exitstat: {}: {warning}", path.display());
    }
    Ok(recording)
}

/// Returns the period to show, and whether the recording is complete.
///
/// # Errors
///
/// Capturing or reading fails.
pub(super) fn period(args: &LookArgs) -> Result<(Period, bool), Error> {
    if let Some(path) = &args.source.from {
        let recording = open(path)?;
        let whole = recording.warning().is_none();
        let period = recording.part(args.phase.as_deref(), args.until.as_deref())?;
        return Ok((period, whole));
    }
    let _capture = args.capture.map(Capture::begin).transpose()?;
    let mut source = Source::open(&args.source)?.with_details();
    let first = source.first()?;
    let Some(interval) = args.interval else {
        return Ok((Period::since_load(first), true));
    };
    Interrupt::listen()?.wait(Instant::now() + interval)?;
    Ok((Period::between(&first, &source.first()?), true))
}

/// Returns the details of a period.
///
/// # Errors
///
/// There are none. The error says how to capture them.
pub(super) fn details<'a>(period: &'a Period, from: Option<&Path>) -> Result<&'a Details, Error> {
    period.captured().ok_or_else(|| {
        let why = match (CountedBy::of(&period.end), from) {
            (CountedBy::Device, Some(path)) => format!(
                "{}: the recording has no details.\nTo record them, as root: exitstat record --capture key -o FILE",
                path.display()
            ),
            (CountedBy::Device, None) => "the module does not capture details.\n\
                To capture for 10 seconds, as root: exitstat detail --capture key -i 10\n\
                To capture permanently: echo key >/sys/module/kvm_exitstat/parameters/detail"
                .to_owned(),
            (_, from) => format!(
                "{}no details: only the module captures them, and BPF counted here (README.md describes its installation)",
                from.map(|path| format!("{}: ", path.display())).unwrap_or_default()
            ),
        };
        match from {
            Some(_) => Error::Incomplete(why),
            None => Error::Failed(why),
        }
    })
}
