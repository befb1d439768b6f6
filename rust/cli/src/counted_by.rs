// SPDX-License-Identifier: GPL-2.0

//! Sources of counters, and the resulting units.

use exitstat_core::snapshot::{Header, FLAG_COUNTS_ONLY, FLAG_OFF_CPU, SOURCE_BPF};
use std::fmt;

/// Source of counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountedBy {
    /// The module: TSC cycles, from the exit to the end of its handling, while the vCPU's thread is on its
    /// CPU.
    Device,
    /// BPF programs: nanoseconds, from the exit to the next entry.
    Bpf {
        /// Without times and userspace exits.
        counts_only: bool,
        /// Without time off the CPU.
        off_cpu: bool,
    },
}

impl CountedBy {
    /// Returns the source of a snapshot.
    #[must_use]
    pub fn of(header: &Header) -> Self {
        match header.source {
            SOURCE_BPF => Self::Bpf {
                counts_only: header.flags & FLAG_COUNTS_ONLY != 0,
                off_cpu: header.flags & FLAG_OFF_CPU != 0,
            },
            _ => Self::Device,
        }
    }

    /// Returns its name for `--source`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Bpf { .. } => "bpf",
        }
    }

    /// Returns whether times were counted, not only exits.
    #[must_use]
    pub fn has_times(self) -> bool {
        !matches!(
            self,
            Self::Bpf {
                counts_only: true,
                ..
            }
        )
    }

    /// Returns the unit of its times, as used in column headings.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Device => "cy",
            Self::Bpf { .. } => "ns",
        }
    }

    /// Returns the words for its restart.
    #[must_use]
    pub fn again(self) -> &'static str {
        match self {
            Self::Device => "the module was loaded again",
            Self::Bpf { .. } => "KVM was loaded again",
        }
    }

    /// Returns which host counters include vCPUs without counters of their own.
    #[must_use]
    pub fn of_the_host_only(self) -> &'static str {
        match self {
            Self::Device => "in exits and cycles only",
            Self::Bpf { .. } => "in exits only (--max-vcpus)",
        }
    }

    /// Returns when counting began, in words.
    #[must_use]
    pub fn since(self) -> &'static str {
        match self {
            Self::Device => "since the module was loaded",
            Self::Bpf { .. } => "since BPF began to count",
        }
    }
}

impl fmt::Display for CountedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Device => "device",
            Self::Bpf {
                counts_only: true, ..
            } => "bpf, counts only",
            Self::Bpf { off_cpu: true, .. } => "bpf, less off-CPU time",
            Self::Bpf { .. } => "bpf",
        })
    }
}
