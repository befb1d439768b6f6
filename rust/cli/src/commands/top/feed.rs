// SPDX-License-Identifier: GPL-2.0

//! Source of the live view's snapshots: the running kernel, or a recording.

use super::{
    replay::Replay,
    step::{Span, Step},
    timeline::Timeline,
    watch::Watch,
};
use crate::{cli::SourceArgs, error::Error, source::Source};
use std::{path::PathBuf, time::Duration};

/// Source of snapshots.
pub enum Feed {
    /// The running kernel.
    Live(Box<Source>, Box<Watch>),
    /// A recording.
    Replay(PathBuf, Box<Replay>),
}

impl Feed {
    /// Opens the recording if one is given, else the running kernel's counters.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn open(args: &SourceArgs) -> Result<Self, Error> {
        if let Some(path) = &args.from {
            return match Replay::open(path) {
                Ok(replay) => Ok(Self::Replay(path.clone(), Box::new(replay))),
                Err(why) => Err(Error::Recording {
                    path: path.clone(),
                    why,
                }),
            };
        }
        let mut source = Source::open(args)?.with_details();
        let first = match source.first() {
            // Without details, fewer privileges are sufficient.
            Err(error) if error.is_want_of_details() => {
                source = Source::open(args)?;
                source.first()
            }
            first => first,
        };
        let watch = Watch::new(first?);
        Ok(Self::Live(Box::new(source), Box::new(watch)))
    }

    /// Returns the recording's timeline.
    #[must_use]
    pub fn timeline(&self) -> Option<&Timeline> {
        match self {
            Self::Live(..) => None,
            Self::Replay(_, replay) => Some(replay.timeline()),
        }
    }

    /// Returns the index of the first snapshot to show.
    #[must_use]
    pub fn start(&self) -> usize {
        self.timeline().map_or(0, Timeline::start)
    }

    /// Returns the step that ends with a snapshot. In a recording, that is any snapshot. For the running
    /// kernel, it is the last one, or a new one.
    ///
    /// # Errors
    ///
    /// The counters, or the recording, cannot be read.
    pub fn step(&mut self, at: usize, span: Span) -> Result<Step, Error> {
        match self {
            Self::Live(source, watch) => {
                if at > watch.at() {
                    if let Some(sample) = source.sample(Duration::ZERO)? {
                        watch.add(sample);
                    }
                }
                Ok(watch.step(span))
            }
            Self::Replay(path, replay) => replay.step(at, span).map_err(|why| Error::Recording {
                path: path.clone(),
                why,
            }),
        }
    }

    /// Returns whether the recording is complete. Prints a warning if not.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        match self {
            Self::Replay(path, replay) => match replay.warning() {
                Some(warning) => {
                    crate::say!("exitstat: {}: {warning}", path.display());
                    false
                }
                None => true,
            },
            Self::Live(..) => true,
        }
    }
}
