// SPDX-License-Identifier: GPL-2.0

//! Errors of recordings.

use exitstat_core::snapshot::Malformed;
use std::{fmt, io};

/// Error of reading a recording.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be opened or read.
    #[error("cannot read it: {0}")]
    Io(#[from] io::Error),
    /// The file is not a recording.
    #[error("not an exitstat recording (`exitstat record -o FILE` writes one)")]
    NotOne,
    /// The file has a newer format version.
    #[error("recording format {found} is unsupported; this exitstat reads formats up to {known}: use the exitstat that wrote it, or a newer one")]
    Version {
        /// The file's format.
        found: u32,
        /// The newest format that exitstat reads.
        known: u32,
    },
    /// The file ends, or is damaged, before its first snapshot.
    #[error("cut off or damaged before the first snapshot")]
    Empty,
    /// An intact frame has an invalid snapshot.
    #[error("one of its snapshots {}", malformed(.0))]
    Snapshot(Malformed),
}

/// Returns what is wrong with a snapshot, as a predicate.
#[must_use]
pub fn malformed(why: &Malformed) -> String {
    match why {
        Malformed::NoSnapshot => "is not a snapshot".to_owned(),
        Malformed::Version(version) => format!(
            "has version {version}, and this exitstat reads version {}: use the release of exitstat that the module has",
            exitstat_core::snapshot::VERSION
        ),
        Malformed::Damaged => "is damaged".to_owned(),
    }
}

/// No phase has this mark, or nothing comes before it.
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
            true => write!(f, "the recording has no marks, so it has no phases"),
            false => write!(
                f,
                "no mark named {:?}; marks: {}",
                self.label,
                self.there_are.join(", ")
            ),
        }
    }
}
