// SPDX-License-Identifier: GPL-2.0

//! `exitstat export`: metrics for Prometheus.

use crate::{
    cli::{ExportArgs, SourceArgs},
    counted_by::CountedBy,
    detail::{with_keys, Details},
    error::Error,
    model::{Sample, Scope},
    source::Source,
};
use std::{fmt, process::ExitCode, time::Duration};

mod encoder;
mod http;
mod keys;
mod limits;
mod metrics;
mod text;
mod textfile;
mod web;
mod whole;

use keys::Keys;
use metrics::{Choice, Metrics};
use web::Web;
use whole::Whole;

/// Runs the command.
///
/// # Errors
///
/// The counters cannot be read, the address cannot be bound, or a file cannot be read or written.
pub fn run(args: &ExportArgs) -> Result<ExitCode, Error> {
    let web = Web::open(args.web_config_file.clone())?;
    let mut samples = Samples::open(&args.source, args.details.is_some())?;
    let begins_now = samples.source.as_ref().is_some_and(Source::begins_now);
    if args.textfile.is_some() && args.interval.is_none() && begins_now {
        return Err(Error::Usage(
            "BPF starts counting now, so there are no metrics to write yet: set an interval (-i 15), or keep BPF \
             counting in the kernel (`exitstat 1 1 --pin`)"
                .to_owned(),
        ));
    }
    let mut whole = Whole::default();
    let mut keys = args.details.map(|most| Keys::new(most.into()));
    let choice = Choice {
        vms: !args.no_vms,
        histograms: !args.no_histograms,
        vm_histograms: args.vm_histograms,
    };
    let mut metrics = move |mut sample: Sample| {
        // The host's sums include the vCPUs of VMs that are left out.
        let vcpus = sample.counts.by_vcpus(Scope::Host).unwrap_or_default();
        let keys = keys.as_mut().map(|keys| {
            keys.update(&sample);
            keys.rows().collect()
        });
        whole.only(&mut sample);
        Metrics {
            sample,
            vcpus,
            keys: keys.unwrap_or_default(),
            choice,
        }
    };
    match &args.textfile {
        None => {
            http::serve(&args.listen, web, move || Ok(metrics(samples.next()?)))?;
            Ok(ExitCode::SUCCESS)
        }
        Some(path) => {
            textfile::write(path, args.interval, |once| {
                let sample = if once { samples.last() } else { samples.next() };
                Ok(metrics(sample?))
            })?;
            Ok(super::done(samples.is_whole()))
        }
    }
}

/// The format of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus's text format 0.0.4, the only one node_exporter reads.
    Text,
}

/// Endless samples: a recording's last one repeats.
#[derive(Debug)]
struct Samples {
    args: SourceArgs,
    /// Whether details were requested.
    details: bool,
    /// Whether details were found, or reported as missing.
    settled: bool,
    /// `None` until KVM is loaded.
    source: Option<Source>,
    last: Option<Sample>,
}

impl Samples {
    fn open(args: &SourceArgs, details: bool) -> Result<Self, Error> {
        let mut samples = Self {
            args: args.clone(),
            details,
            settled: !details,
            source: None,
            last: None,
        };
        // Errors end the exporter at the start, except that KVM is not loaded yet.
        match samples.source() {
            Err(error) if error.is_want_of_kvm() => {
                crate::say!("exitstat: waiting for KVM: kvm_intel or kvm_amd is not loaded yet");
                return Ok(samples);
            }
            Err(error) => return Err(error),
            Ok(source) => {
                let (first, is_live) = (source.first()?, source.is_live());
                samples.look_for_details(&first);
                samples.last = (!is_live).then_some(first);
            }
        }
        Ok(samples)
    }

    fn source(&mut self) -> Result<&mut Source, Error> {
        let source = match self.source.take() {
            Some(source) => source,
            None if self.details => Source::open(&self.args)?.with_details(),
            None => Source::open(&self.args)?,
        };
        Ok(self.source.insert(source))
    }

    /// Returns the next sample.
    fn next(&mut self) -> Result<Sample, Error> {
        let next = self.source()?.sample(Duration::ZERO)?;
        next.iter().for_each(|next| self.look_for_details(next));
        if next.is_none() {
            self.is_whole();
        }
        match &mut self.last {
            None => next.ok_or_else(|| Error::Failed("the recording has no snapshots".to_owned())),
            Some(last) => Ok(match next {
                Some(next) => std::mem::replace(last, next),
                None => last.clone(),
            }),
        }
    }

    /// Returns whether the recording is complete. Prints a warning if not.
    fn is_whole(&mut self) -> bool {
        self.source.as_mut().is_none_or(Source::is_whole)
    }

    /// Returns the newest sample.
    fn last(&mut self) -> Result<Sample, Error> {
        while self.last.is_some() {
            match self.source()?.sample(Duration::ZERO)? {
                Some(sample) => self.last = Some(sample),
                None => break,
            }
        }
        self.next()
    }

    /// Prints once why requested details are missing.
    fn look_for_details(&mut self, sample: &Sample) {
        if self.settled {
            return;
        }
        self.settled = true;
        let header = &sample.header;
        let none = sample.details.as_ref().is_none_or(Details::is_empty);
        let why = match CountedBy::of(header) {
            CountedBy::Bpf { .. } => {
                "only the module captures details, but BPF counts here (see README.md to install the module)"
            }
            CountedBy::Device if !with_keys(header) => {
                "the module captures only instruction pointers. To capture keys as well, as root: \
                 echo both >/sys/module/kvm_exitstat/parameters/detail"
            }
            CountedBy::Device if header.detail != 0 || !none => return,
            CountedBy::Device if self.args.from.is_some() => {
                "the recording begins without details (record it with --capture key)"
            }
            CountedBy::Device => {
                "the module does not capture details. As root: echo key >/sys/module/kvm_exitstat/parameters/detail"
            }
        };
        crate::say!("exitstat: no detail metrics: {why}");
    }
}

impl From<fmt::Error> for Error {
    fn from(_: fmt::Error) -> Self {
        Self::Failed("the metrics cannot be written as text".to_owned())
    }
}
