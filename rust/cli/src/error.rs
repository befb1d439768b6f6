// SPDX-License-Identifier: GPL-2.0

//! What can go wrong, and the exit status that tells it.

use crate::source::{
    device,
    neither::Neither,
    recording::error::{self as recording, NoMark},
};
use std::{io, path::PathBuf};

/// Why a command did not do what it was asked to. What is printed says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line, or a file that goes with it, asks for what is not there.
    #[error("{0}")]
    Usage(String),
    /// The counters cannot be read.
    #[error(transparent)]
    Device(#[from] device::Error),
    /// Nobody can count.
    #[error(transparent)]
    Neither(#[from] Neither),
    /// What BPF counted cannot be read.
    #[error(transparent)]
    Bpf(#[from] exitstat_bpf::Error),
    /// Nothing answers the leaves.
    #[error("{0}")]
    NoLeaves(String),
    /// A recording cannot be read.
    #[error("{}: {why}", path.display())]
    Recording {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: recording::Error,
    },
    /// A recording lacks something that is needed.
    #[error("{0}")]
    Incomplete(String),
    /// A file or the output cannot be written, or the like.
    #[error("{what}: {source}")]
    Io {
        /// What was not possible.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

/// The exit status if a recording is not all there.
pub const INCOMPLETE: u8 = 5;

impl Error {
    /// For `map_err`: `what` was not possible.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        |source| Self::Io { what, source }
    }

    /// Whether nothing is wrong but that KVM is not loaded.
    #[must_use]
    pub fn is_want_of_kvm(&self) -> bool {
        matches!(self, Self::Neither(neither) if neither.is_want_of_kvm())
    }

    /// Whether all may be read but what exits were about.
    #[must_use]
    pub fn is_want_of_details(&self) -> bool {
        matches!(self, Self::Device(device::Error::NoDetails))
    }

    /// The exit status; `exitstat --help` lists them.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Device(_) | Self::Neither(_) | Self::Bpf(_) => 3,
            Self::NoLeaves(_) => 4,
            Self::Recording { .. } | Self::Incomplete(_) => INCOMPLETE,
            Self::Io { .. } | Self::Failed(_) => 6,
        }
    }

    /// Whether it is only that nobody reads the output any more.
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl From<io::Error> for Error {
    /// Of writing the output, which is the only thing that is written so often that it would be
    /// tedious to say each time.
    fn from(source: io::Error) -> Self {
        Self::io("cannot write the output")(source)
    }
}

impl From<NoMark> for Error {
    fn from(why: NoMark) -> Self {
        Self::Usage(why.to_string())
    }
}
