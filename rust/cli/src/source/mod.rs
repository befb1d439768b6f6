// SPDX-License-Identifier: GPL-2.0

//! Where samples come from: the running kernel, or a recording.

pub mod bpf;
pub mod capture;
pub mod cpuid;
pub mod device;
pub mod live;
pub mod neither;
pub mod recording;
pub mod some_vms;

use crate::{
    cli::SourceArgs,
    error::Error,
    model::{Period, Sample},
};
use live::Live;
use recording::Reader;
use std::{
    fs::File,
    io::BufReader,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

/// Where samples come from.
#[derive(Debug)]
pub enum Source {
    /// The running kernel.
    Live {
        /// Who counts there.
        live: Live,
        /// Only this VM's vCPUs are asked for.
        vm: Option<u64>,
        /// When the sample before was due.
        due: Option<Instant>,
    },
    /// A recording.
    Recorded {
        /// The file's name.
        path: PathBuf,
        /// The file.
        reader: Box<Reader<BufReader<File>>>,
        /// When, in nanoseconds since 1970, the sample before was taken.
        given: u64,
        /// Whether it was said what is missing.
        said: bool,
    },
}

impl Source {
    /// The running kernel, or the recording that was named.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn open(args: &SourceArgs) -> Result<Self, Error> {
        Ok(match &args.from {
            None => Self::Live {
                live: Live::open(&args.live)?,
                vm: None,
                due: None,
            },
            Some(path) => Self::Recorded {
                path: path.clone(),
                reader: Box::new(Reader::open(path)?),
                given: 0,
                said: false,
            },
        })
    }

    /// Asks the running kernel for a VM's vCPUs and nothing else, which is less work. A recording
    /// still gives all.
    #[must_use]
    pub fn only(mut self, wanted: Option<u64>) -> Self {
        if let Self::Live { vm, .. } = &mut self {
            *vm = wanted;
        }
        self
    }

    /// Asks the running kernel for details as well.
    #[must_use]
    pub fn with_details(mut self) -> Self {
        if let Self::Live { live, .. } = &mut self {
            live.ask_for_details();
        }
        self
    }

    /// Whether it is the running kernel, and time passes.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Live { .. })
    }

    /// The host's name: the running kernel's, or the recorded one if the recording has it.
    #[must_use]
    pub fn host_name(&self) -> Option<String> {
        match self {
            Self::Live { .. } => {
                let names = rustix::system::uname();
                Some(names.nodename().to_string_lossy().into_owned())
            }
            Self::Recorded { reader, .. } => reader.metadata().hostname.clone(),
        }
    }

    /// Whether there is nothing to tell of the time before this process.
    #[must_use]
    pub fn begins_now(&self) -> bool {
        matches!(self, Self::Live { live, .. } if live.begins_now())
    }

    /// The first sample.
    ///
    /// # Errors
    ///
    /// It cannot be read, or there is none.
    pub fn first(&mut self) -> Result<Sample, Error> {
        let first = self.sample(Duration::ZERO)?;
        first.ok_or_else(|| match self {
            Self::Live { .. } => Error::Failed("the source has no snapshots".to_owned()),
            Self::Recorded { path, .. } => Error::Recording {
                path: path.clone(),
                why: recording::Error::Empty,
            },
        })
    }

    /// The next sample: of the running kernel, one that is taken `after` the one before, or now if
    /// it is the first; of a recording, the next one that was, or the last one; `None` at its end.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn sample(&mut self, after: Duration) -> Result<Option<Sample>, Error> {
        self.samples(after, |_| ())
    }

    /// What happened between a sample and the next, which takes its place; `None` at a recording's
    /// end. Of a recording it has all that the snapshots in between tell.
    ///
    /// # Errors
    ///
    /// As of [`Self::sample`].
    pub fn period(&mut self, last: &mut Sample, after: Duration) -> Result<Option<Period>, Error> {
        let mut all: Option<Period> = None;
        self.samples(after, |sample| {
            let next = Period::between(last, sample);
            match &mut all {
                Some(all) => all.extend(&next),
                None => all = Some(next),
            }
            last.clone_from(sample);
        })?;
        Ok(all)
    }

    /// The next sample, as of [`Self::sample`], with a look at `each` until there.
    fn samples(
        &mut self,
        after: Duration,
        mut each: impl FnMut(&Sample),
    ) -> Result<Option<Sample>, Error> {
        match self {
            Self::Live { live, vm, due } => {
                let now = Instant::now();
                // By when the one before was due, not by when it was taken: intervals must not
                // become longer by what taking and printing takes, but never be made up for.
                let next = due.map_or(now, |due| (due + after).max(now));
                thread::sleep(next.saturating_duration_since(now));
                *due = Some(next);
                let sample = live.sample(*vm)?;
                each(&sample);
                Ok(Some(sample))
            }
            Self::Recorded {
                path,
                reader,
                given,
                ..
            } => {
                let error = |why| Error::Recording {
                    path: path.clone(),
                    why,
                };
                // Snapshots are a bit early or late; and the clock was set if it went back.
                let least = after.mul_f64(0.95).as_nanos();
                let mut last = None;
                while let Some(sample) = reader.next_sample().map_err(error)? {
                    let time = sample.header.realtime;
                    let passed = time.checked_sub(*given).map_or(u128::MAX, u128::from);
                    each(&sample);
                    last = Some(sample);
                    if passed >= least {
                        break;
                    }
                }
                if let Some(sample) = &last {
                    *given = sample.header.realtime;
                }
                Ok(last)
            }
        }
    }

    /// Whether what was read so far is all that was recorded. The first time that it is not, this
    /// says what is missing.
    pub fn is_whole(&mut self) -> bool {
        let Self::Recorded {
            path, reader, said, ..
        } = self
        else {
            return true;
        };
        let Some(warning) = reader.warning() else {
            return true;
        };
        if !*said {
            crate::say!("exitstat: {}: {warning}", path.display());
            *said = true;
        }
        false
    }
}
