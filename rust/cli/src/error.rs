// SPDX-License-Identifier: GPL-2.0

//! Errors of commands, and their exit statuses.

use crate::source::{
    device,
    neither::Neither,
    recording::error::{self as recording, NoMark},
};
use std::{io, path::PathBuf};

/// Error of a command. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line, or a file it names, is wrong, or asks for something that does not exist.
    #[error("{0}")]
    Usage(String),
    /// The counters cannot be read.
    #[error(transparent)]
    Device(#[from] device::Error),
    /// Neither the module nor BPF can count.
    #[error(transparent)]
    Neither(#[from] Neither),
    /// BPF's counters cannot be read.
    #[error(transparent)]
    Bpf(#[from] exitstat_bpf::Error),
    /// exitstat's CPUID leaves are unavailable.
    #[error("{0}")]
    NoLeaves(String),
    /// A recording cannot be read.
    #[error("{}: {why}", path.display())]
    Recording {
        /// The file.
        path: PathBuf,
        /// The error.
        why: recording::Error,
    },
    /// A recording lacks something that the command needs.
    #[error("{0}")]
    Incomplete(String),
    /// An I/O error, such as of a file or standard output.
    #[error("{what}: {source}")]
    Io {
        /// The operation that failed.
        what: String,
        /// The error.
        source: io::Error,
    },
    /// Any other error.
    #[error("{0}")]
    Failed(String),
}

/// Exit status if a recording is incomplete.
pub const INCOMPLETE: u8 = 5;

impl Error {
    /// Returns a closure for `map_err` that adds the operation that failed.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        |source| Self::Io { what, source }
    }

    /// Returns whether the only problem is that KVM is not loaded.
    #[must_use]
    pub fn is_want_of_kvm(&self) -> bool {
        matches!(self, Self::Neither(neither) if neither.is_want_of_kvm())
    }

    /// Returns whether only the details may not be read.
    #[must_use]
    pub fn is_want_of_details(&self) -> bool {
        matches!(self, Self::Device(device::Error::NoDetails))
    }

    /// Returns the exit status; `exitstat --help` lists them.
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

    /// Returns whether the reader of the output closed it.
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl From<io::Error> for Error {
    /// Wraps an error of writing the output. All other operations are named where they fail.
    fn from(source: io::Error) -> Self {
        Self::io("cannot write the output")(source)
    }
}

impl From<NoMark> for Error {
    fn from(why: NoMark) -> Self {
        Self::Usage(why.to_string())
    }
}
