// SPDX-License-Identifier: GPL-2.0

//! Who counted, and so what its numbers are.

use exitstat_core::snapshot::{Header, FLAG_COUNTS_ONLY, FLAG_OFF_CPU, SOURCE_BPF};
use std::fmt;

/// Who counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountedBy {
    /// The module: TSC cycles, from the exit to the end of its handling, with the vCPU's thread on its CPU.
    Device,
    /// BPF programs: nanoseconds, from the exit to the next entry.
    Bpf {
        /// No times at all, and no share of user space.
        counts_only: bool,
        /// Time off the CPU is left out.
        off_cpu: bool,
    },
}

impl CountedBy {
    /// Of a snapshot.
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

    /// The word for it, as `--source` has it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Bpf { .. } => "bpf",
        }
    }

    /// Whether more than exits was counted.
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

    /// The unit of its times, as heads of columns have it.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Device => "cy",
            Self::Bpf { .. } => "ns",
        }
    }

    /// That it began anew.
    #[must_use]
    pub fn again(self) -> &'static str {
        match self {
            Self::Device => "the module was loaded again",
            Self::Bpf { .. } => "KVM was loaded again",
        }
    }

    /// What is counted of vCPUs that have no counters of their own.
    #[must_use]
    pub fn of_the_host_only(self) -> &'static str {
        match self {
            Self::Device => "in exits and cycles only",
            Self::Bpf { .. } => "in exits only (--max-vcpus)",
        }
    }

    /// Since when it counts.
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
