// SPDX-License-Identifier: GPL-2.0

//! Errors of recordings.

use exitstat_core::snapshot::Malformed;
use std::{fmt, io};

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be opened or read.
    #[error("cannot read it: {0}")]
    Io(#[from] io::Error),
    /// It does not begin as one.
    #[error("not a recording of exitstat (`exitstat record -o FILE` makes them)")]
    NotOne,
    /// It is of another format.
    #[error("a recording of format {found}; this exitstat reads format {known}: use that which made it, or a newer one")]
    Version {
        /// The file's format.
        found: u32,
        /// The format that exitstat reads.
        known: u32,
    },
    /// It ends, or is damaged, before there is anything to see.
    #[error("cut off or damaged before the first snapshot: nothing to see in it")]
    Empty,
    /// A whole frame has no whole snapshot.
    #[error("a snapshot in it {}", malformed(.0))]
    Snapshot(Malformed),
}

/// What is wrong with a snapshot.
#[must_use]
pub fn malformed(why: &Malformed) -> String {
    match why {
        Malformed::NoSnapshot => "is none".to_owned(),
        Malformed::Version(version) => format!(
            "is of version {version}, and this exitstat reads version {}: use one of the same release as the module",
            exitstat_core::snapshot::VERSION
        ),
        Malformed::Damaged => "is damaged".to_owned(),
    }
}

/// That a mark is not in a recording, or has nothing.
#[derive(Debug)]
pub struct NoMark {
    /// The mark.
    pub label: String,
    /// The marks that the recording has.
    pub there_are: Vec<String>,
}

impl std::error::Error for NoMark {}

impl fmt::Display for NoMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.there_are.is_empty() {
            true => write!(f, "there are no marks in the recording, and so no phases"),
            false => write!(
                f,
                "there is nothing that {:?} could be; marks: {}",
                self.label,
                self.there_are.join(", ")
            ),
        }
    }
}
