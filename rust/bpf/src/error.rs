// SPDX-License-Identifier: GPL-2.0

//! Reasons why BPF cannot count here, and their remedies.

use std::{io, path::PathBuf};

/// Why there is nothing to read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// KVM is not loaded.
    #[error("the module kvm is not loaded, so there are no VM exits to count.\nAs root: `modprobe kvm_intel` or `modprobe kvm_amd`.")]
    NoKvm,
    /// KVM's module for the CPU is not loaded.
    #[error("kvm is loaded, but neither kvm_intel nor kvm_amd is, so no guest can run.\nAs root: `modprobe kvm_intel` or `modprobe kvm_amd`; if that fails, `dmesg` says why.")]
    NoVendorModule,
    /// The kernel has no BTF.
    #[error("cannot read {}, which has the offset of KVM's exit reason: {error}.\nThe kernel needs CONFIG_DEBUG_INFO_BTF and CONFIG_DEBUG_INFO_BTF_MODULES, which distributions enable.", path.display())]
    NoBtf {
        /// The BTF file.
        path: PathBuf,
        /// The error.
        error: io::Error,
    },
    /// The kernel's BTF lacks something.
    #[error("{} {why}: exitstat does not support this kernel", path.display())]
    BadBtf {
        /// The BTF file.
        path: PathBuf,
        /// The error.
        why: String,
    },
    /// This process may not load programs.
    #[error("no permission to load BPF programs.\nRun it as root (`sudo exitstat`), or give it CAP_BPF and CAP_PERFMON.")]
    NoPermission,
    /// The kernel's lockdown is at `confidentiality`.
    #[error("kernel lockdown is at `confidentiality` (/sys/kernel/security/lockdown), so BPF cannot read kernel memory.\nBPF works at `integrity`.")]
    LockedDown,
    /// The counters could not be allocated.
    #[error("out of memory: cannot allocate the counters of {vcpus} vCPUs, 16 KiB each.\nLower --max-vcpus; any further vCPUs are counted for the host only.")]
    NoMemory {
        /// The number of vCPUs requested.
        vcpus: u32,
    },
    /// The kernel rejected the programs.
    #[error("the kernel rejected the BPF programs: {why}{}", log.iter().map(|line| format!("\n  {line}")).collect::<String>())]
    Refused {
        /// The system's error message.
        why: String,
        /// The last messages of the verifier or libbpf.
        log: Vec<String>,
    },
    /// A hook does not exist.
    #[error("cannot attach to {what}: {why}{}", paranoid())]
    NotAttached {
        /// The tracepoint or function.
        what: &'static str,
        /// The system's error message.
        why: String,
    },
    /// The counters could not be mapped.
    #[error("cannot map the counters: {0}")]
    Map(io::Error),
    /// The BPF file system is not mounted.
    #[error("cannot pin: /sys/fs/bpf is not a BPF file system.\nAs root: `mount -t bpf -o mode=0700 bpf /sys/fs/bpf`.")]
    NoBpffs,
    /// Counters are already pinned.
    #[error("BPF is already counting with other options, pinned in /sys/fs/bpf/exitstat.\nRun `exitstat` without --counts and --off-cpu to read it, or `exitstat unpin` to end it.")]
    Pinned,
    /// The pinned counters belong to another release.
    #[error("the counters pinned in /sys/fs/bpf/exitstat belong to another release of exitstat.\nAs root: `exitstat unpin`, then pin again.")]
    PinnedByAnother,
    /// The pinned programs use outdated offsets.
    #[error("another build of KVM has been loaded since counting was pinned, so its exits were miscounted.\nAs root: `exitstat unpin`, then pin again.")]
    PinnedOutdated,
    /// The counters have been unpinned.
    #[error("BPF no longer counts: somebody ran `exitstat unpin`.")]
    Unpinned,
    /// An operation on the pinned counters failed.
    #[error("cannot {what} /sys/fs/bpf: {error}")]
    Pin {
        /// The operation.
        what: &'static str,
        /// The error.
        error: io::Error,
    },
    /// VMs terminate faster than counters can be read.
    #[error("cannot take a snapshot: vCPUs kept terminating")]
    Busy,
}

impl Error {
    /// Returns whether BPF could count here, and only the pinned counters are the problem.
    #[must_use]
    pub fn is_of_pins(&self) -> bool {
        matches!(
            self,
            Self::NoBpffs
                | Self::Pinned
                | Self::PinnedByAnother
                | Self::PinnedOutdated
                | Self::Unpinned
                | Self::Pin { .. }
        )
    }
}

/// Returns advice for hosts where perf is restricted to root.
fn paranoid() -> &'static str {
    let level = std::fs::read_to_string("/proc/sys/kernel/perf_event_paranoid");
    match level.is_ok_and(|level| level.trim().parse::<i32>().is_ok_and(|level| level > 2)) {
        true => ".\nkernel.perf_event_paranoid is above 2: run exitstat as root, or `sysctl kernel.perf_event_paranoid=2`",
        false => "",
    }
}
