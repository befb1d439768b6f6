// SPDX-License-Identifier: GPL-2.0

//! Where the live view gets its snapshots: the running kernel, or a recording.

use super::{
    replay::Replay,
    step::{Span, Step},
    timeline::Timeline,
    watch::Watch,
};
use crate::{cli::SourceArgs, error::Error, source::Source};
use std::{path::PathBuf, time::Duration};

/// Where snapshots come from.
pub enum Feed {
    /// The running kernel.
    Live(Box<Source>, Box<Watch>),
    /// A recording.
    Replay(PathBuf, Box<Replay>),
}

impl Feed {
    /// Opens a recording if one is given, else the running kernel's counters.
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
            // All but details needs fewer privileges.
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

    /// Returns the snapshot that can be shown at once.
    #[must_use]
    pub fn start(&self) -> usize {
        self.timeline().map_or(0, Timeline::start)
    }

    /// Returns what ends with a snapshot: any one of a recording; of the running kernel the last one, or one that is
    /// taken now.
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

    /// Returns whether nothing is missing in the recording. If something is, this reports it.
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
