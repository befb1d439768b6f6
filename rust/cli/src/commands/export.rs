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

/// Samples, as often as one likes: of a recording one after another, the last one again and again.
#[derive(Debug)]
struct Samples {
    source: Source,
    last: Option<Sample>,
}

impl Samples {
    fn open(args: &SourceArgs) -> Result<Self, Error> {
        let mut source = Source::open(args)?;
        // What cannot be read is said at the start.
        let first = source.first()?;
        Ok(Self {
            last: (!source.is_live()).then_some(first),
            source,
        })
    }

    /// The next one.
    fn next(&mut self) -> Result<Sample, Error> {
        let Some(last) = &mut self.last else {
            return self.source.first();
        };
        let given = last.clone();
        if let Some(next) = self.source.sample(Duration::ZERO)? {
            *last = next;
        }
        Ok(given)
    }

    /// The newest one that there is.
    fn last(&mut self) -> Result<Sample, Error> {
        if let Some(last) = &mut self.last {
            while let Some(sample) = self.source.sample(Duration::ZERO)? {
                *last = sample;
            }
        }
        self.next()
    }
}

impl From<fmt::Error> for Error {
    fn from(_: fmt::Error) -> Self {
        Self::Failed("the metrics cannot be written as text".to_owned())
    }
}
