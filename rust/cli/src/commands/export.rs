// SPDX-License-Identifier: GPL-2.0

//! `exitstat export`: metrics for Prometheus.

use crate::{
    cli::{ExportArgs, SourceArgs},
    error::Error,
    model::Sample,
    source::Source,
};
use std::{fmt, time::Duration};

mod http;
mod metrics;
mod textfile;
mod whole;

use metrics::Metrics;
use whole::Whole;

/// Carries it out.
///
/// # Errors
///
/// The counters cannot be read, the address cannot be had, or the file cannot be written.
pub fn run(args: &ExportArgs) -> Result<(), Error> {
    let mut samples = Samples::open(&args.source)?;
    let mut whole = Whole::default();
    let (vms, histograms) = (!args.no_vms, !args.no_histograms);
    let mut metrics = move |mut sample: Sample| {
        whole.only(&mut sample);
        Metrics {
            sample,
            vms,
            histograms,
        }
    };
    match &args.textfile {
        None => http::serve(args.listen, move || Ok(metrics(samples.next()?))),
        Some(path) => textfile::write(path, args.interval, |once| {
            let sample = if once { samples.last() } else { samples.next() };
            Ok(metrics(sample?))
        }),
    }
}

/// In what the metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus's text format 0.0.4, the only one that node_exporter reads.
    Text,
}

/// Samples, as often as one likes.
#[derive(Debug)]
enum Samples {
    /// Of the running module.
    Live(SourceArgs),
    /// Of a recording: one after another, the last one again and again.
    Recorded {
        source: Box<Source>,
        last: Sample,
        given: bool,
    },
}

impl Samples {
    fn open(args: &SourceArgs) -> Result<Self, Error> {
        let mut source = Source::open(args)?;
        let first = take(&mut source)?;
        Ok(if source.is_live() {
            // Not kept: a device that is open is a module that cannot be unloaded.
            Self::Live(args.clone())
        } else {
            Self::Recorded {
                source: Box::new(source),
                last: first,
                given: false,
            }
        })
    }

    /// The next one.
    fn next(&mut self) -> Result<Sample, Error> {
        match self {
            Self::Live(args) => take(&mut Source::open(args)?),
            Self::Recorded {
                source,
                last,
                given,
            } => {
                if *given {
                    if let Some(sample) = source.sample(Duration::ZERO)? {
                        *last = sample;
                    }
                }
                *given = true;
                Ok(last.clone())
            }
        }
    }

    /// The newest one that there is.
    fn last(&mut self) -> Result<Sample, Error> {
        if let Self::Recorded { source, last, .. } = self {
            while let Some(sample) = source.sample(Duration::ZERO)? {
                *last = sample;
            }
        }
        self.next()
    }
}

fn take(source: &mut Source) -> Result<Sample, Error> {
    source
        .sample(Duration::ZERO)?
        .ok_or_else(|| Error::Failed("there is no snapshot in the recording".to_owned()))
}

impl From<fmt::Error> for Error {
    fn from(_: fmt::Error) -> Self {
        Self::Failed("the metrics cannot be written as text".to_owned())
    }
}
