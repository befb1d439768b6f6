// SPDX-License-Identifier: GPL-2.0

//! Where counters come from.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Where counters come from.
#[derive(Args, Clone, Debug, Default)]
pub struct SourceArgs {
    /// Read a recording instead of the counters of the running kernel
    #[arg(long, value_name = "FILE", conflicts_with_all = ["source", "counts", "off_cpu", "pin", "max_vcpus"])]
    pub from: Option<PathBuf>,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub live: LiveArgs,
}

/// Sources of live counters.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct LiveArgs {
    /// Source of the counters [default: the module if it is loaded, else BPF]
    #[arg(long, value_enum)]
    pub source: Option<SourceKind>,
    /// BPF: count exits only, without times or userspace activity; a third of the cost
    #[arg(long, conflicts_with = "off_cpu")]
    pub counts: bool,
    /// BPF: exclude the time that a vCPU thread is off its CPU, preempted or asleep in HLT (halt
    /// polling in KVM is not excluded)
    #[arg(long)]
    pub off_cpu: bool,
    /// BPF: keep counting in the kernel after exitstat exits, until `exitstat unpin`. Meanwhile,
    /// other commands that count with BPF read these counters
    #[arg(long)]
    pub pin: bool,
    /// BPF: count up to N vCPUs individually, 16 KiB each [default: 8 for each possible CPU, and at
    /// least 256]
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
                "--counts, --off-cpu, --pin and --max-vcpus apply to BPF only, not to the module"
                    .to_owned(),
            ),
            (None, true) => Ok(Some(SourceKind::Bpf)),
            (source, _) => Ok(source),
        }
    }
}

/// Stop the BPF programs that --pin left counting
///
/// The counters of these programs are discarded.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct UnpinArgs {}

/// Sources of live counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SourceKind {
    /// Kernel module kvm_exitstat, read through /dev/kvm_exitstat
    Device,
    /// BPF programs on KVM's tracepoints, while exitstat runs
    Bpf,
}
