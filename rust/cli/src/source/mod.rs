// SPDX-License-Identifier: GPL-2.0

//! Sources of samples: the running kernel, or a recording.

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

/// A source of samples.
#[derive(Debug)]
pub enum Source {
    /// The running kernel.
    Live {
        /// Reads its counters.
        live: Live,
        /// The VM to read, if not all.
        vm: Option<u64>,
        /// When the previous sample was due.
        due: Option<Instant>,
    },
    /// A recording.
    Recorded {
        /// Path of the file.
        path: PathBuf,
        /// The file.
        reader: Box<Reader<BufReader<File>>>,
        /// When the previous sample was taken, in nanoseconds since 1970.
        given: u64,
        /// Whether the warning about missing data was printed.
        said: bool,
    },
}

impl Source {
    /// Opens the running kernel, or the recording if one is given.
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

    /// Restricts snapshots of the running kernel to one VM's vCPUs, which is less work. Recordings still
    /// return everything.
    #[must_use]
    pub fn only(mut self, wanted: Option<u64>) -> Self {
        if let Self::Live { vm, .. } = &mut self {
            *vm = wanted;
        }
        self
    }

    /// Requests details from the running kernel.
    #[must_use]
    pub fn with_details(mut self) -> Self {
        if let Self::Live { live, .. } = &mut self {
            live.ask_for_details();
        }
        self
    }

    /// Returns whether it is the running kernel.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Live { .. })
    }

    /// Returns the host's name: the running kernel's, or the recorded one if there is one.
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

    /// Returns whether counting began with this process.
    #[must_use]
    pub fn begins_now(&self) -> bool {
        matches!(self, Self::Live { live, .. } if live.begins_now())
    }

    /// Returns the first sample.
    ///
    /// # Errors
    ///
    /// It cannot be read, or does not exist.
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

    /// Returns the next sample, or `None` at the end of a recording. The running kernel's is taken `after`
    /// the previous one, or now if it is the first. A recording's is the first at least `after` later, or
    /// the last one.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn sample(&mut self, after: Duration) -> Result<Option<Sample>, Error> {
        self.samples(after, |_| ())
    }

    /// Returns the period between a sample and the next, and replaces the sample. Returns `None` at the end
    /// of a recording. In a recording, the period includes the snapshots in between.
    ///
    /// # Errors
    ///
    /// See [`Self::sample`].
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

    /// Returns the next sample, like [`Self::sample`]. Calls `each` on it and on all samples skipped
    /// before.
    fn samples(
        &mut self,
        after: Duration,
        mut each: impl FnMut(&Sample),
    ) -> Result<Option<Sample>, Error> {
        match self {
            Self::Live { live, vm, due } => {
                let now = Instant::now();
                // Relative to when the previous sample was due, not when it was taken: taking and printing
                // it must not lengthen the interval. A late sample is not made up for.
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
                // Snapshots may be slightly early or late. If the clock went back, it was set.
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

    /// Returns whether the recording is complete so far. Prints a warning the first time that it is not.
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
