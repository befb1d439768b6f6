// SPDX-License-Identifier: GPL-2.0

//! Where counters come from.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Where counters come from.
#[derive(Args, Clone, Debug, Default)]
pub struct SourceArgs {
    /// Read a recording in place of the running kernel's counters
    #[arg(long, value_name = "FILE", conflicts_with_all = ["source", "counts", "off_cpu", "pin", "max_vcpus"])]
    pub from: Option<PathBuf>,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub live: LiveArgs,
}

/// Who counts, if it is no recording.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct LiveArgs {
    /// Who counts [default: the module if it is loaded, else BPF]
    #[arg(long, value_enum)]
    pub source: Option<SourceKind>,
    /// BPF: count exits, but neither how long they take nor what user space does; a third of the cost
    #[arg(long, conflicts_with = "off_cpu")]
    pub counts: bool,
    /// BPF: leave out the time that a vCPU's thread is off its CPU, preempted or asleep in HLT (but not while
    /// KVM polls for the end of a HLT)
    #[arg(long)]
    pub off_cpu: bool,
    /// BPF: count on in the kernel when exitstat has ended, until `exitstat unpin`; whoever counts by BPF
    /// meanwhile reads these counters
    #[arg(long)]
    pub pin: bool,
    /// BPF: count so many vCPUs one by one, 16 KiB each [default: 8 for each possible CPU, and at least 256]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=16384))]
    pub max_vcpus: Option<u32>,
}

impl LiveArgs {
    /// Whether there are options that have a meaning for BPF only.
    #[must_use]
    pub fn is_of_bpf(&self) -> bool {
        self.counts || self.off_cpu || self.pin || self.max_vcpus.is_some()
    }

    /// Who was asked for, if anybody was: some options have a meaning for BPF only.
    ///
    /// # Errors
    ///
    /// They contradict each other.
    pub fn wanted(&self) -> Result<Option<SourceKind>, String> {
        match (self.source, self.is_of_bpf()) {
            (Some(SourceKind::Device), true) => Err(
                "--counts, --off-cpu, --pin and --max-vcpus are about counting by BPF, not by the module"
                    .to_owned(),
            ),
            (None, true) => Ok(Some(SourceKind::Bpf)),
            (source, _) => Ok(source),
        }
    }
}

/// Stop the counting that --pin left running
///
/// BPF stops counting, and what it counted is gone.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct UnpinArgs {}

/// Who counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SourceKind {
    /// The module kvm_exitstat, by its device
    Device,
    /// BPF programs on KVM's tracepoints, while exitstat runs
    Bpf,
}
