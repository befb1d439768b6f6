// SPDX-License-Identifier: GPL-2.0

//! Why BPF cannot count here, and what to do about it.

use std::{io, path::PathBuf};

/// Why there is nothing to read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// KVM is not there.
    #[error("the module kvm is not loaded, so there are no VM exits to count.\nAs root: `modprobe kvm_intel` or `modprobe kvm_amd`.")]
    NoKvm,
    /// KVM's part for the CPU is not there.
    #[error("kvm is loaded, but neither kvm_intel nor kvm_amd is, so no guest can run.\nAs root: `modprobe kvm_intel` or `modprobe kvm_amd`; if that fails, `dmesg` says why.")]
    NoVendorModule,
    /// The kernel does not describe itself.
    #[error("cannot read {}, which says where KVM keeps an exit's reason: {error}.\nThe kernel needs CONFIG_DEBUG_INFO_BTF and CONFIG_DEBUG_INFO_BTF_MODULES; distributions' kernels have them.", path.display())]
    NoBtf {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// What the kernel says of itself lacks something.
    #[error("{} {why}: this kernel is not one that exitstat knows", path.display())]
    BadBtf {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The kernel takes no programs from us.
    #[error("no permission to load BPF programs.\nRun it as root (`sudo exitstat`), or give it CAP_BPF and CAP_PERFMON.")]
    NoPermission,
    /// The kernel's lockdown is at `confidentiality`.
    #[error("the kernel's lockdown is at `confidentiality` (/sys/kernel/security/lockdown), which forbids BPF to read kernel memory.\nAt `integrity` it works.")]
    LockedDown,
    /// There is no memory for the counters.
    #[error("no memory for the counters of {vcpus} vCPUs, 16 KiB each.\n--max-vcpus has room for fewer; those beyond are counted for the host only.")]
    NoMemory {
        /// How many there was to be room for.
        vcpus: u32,
    },
    /// The kernel refuses the programs.
    #[error("the kernel refuses the BPF programs: {why}{}", log.iter().map(|line| format!("\n  {line}")).collect::<String>())]
    Refused {
        /// As the system says it.
        why: String,
        /// The last lines of the verifier, or of libbpf.
        log: Vec<String>,
    },
    /// A hook is not there.
    #[error("cannot attach to {what}: {why}{}", paranoid())]
    NotAttached {
        /// The tracepoint or function.
        what: &'static str,
        /// As the system says it.
        why: String,
    },
    /// The counters cannot be mapped.
    #[error("cannot map the counters: {0}")]
    Map(io::Error),
    /// The kernel's file system for BPF is not there.
    #[error("nothing can be pinned: /sys/fs/bpf is not the file system of BPF.\nAs root: `mount -t bpf -o mode=0700 bpf /sys/fs/bpf`.")]
    NoBpffs,
    /// There is what was pinned before.
    #[error("BPF is counting already, pinned in /sys/fs/bpf/exitstat, and otherwise than you ask.\n`exitstat` without --counts and --off-cpu reads it; `exitstat unpin` ends it.")]
    Pinned,
    /// What is pinned is of another release.
    #[error("what is pinned in /sys/fs/bpf/exitstat is of another release of exitstat.\nAs root: `exitstat unpin`, and pin it again.")]
    PinnedByAnother,
    /// What is pinned looks in the wrong places now.
    #[error("another build of KVM was loaded since counting was pinned, and its exits were counted wrongly.\nAs root: `exitstat unpin`, and pin it again.")]
    PinnedOutdated,
    /// It was pinned no longer.
    #[error("BPF counts no longer: somebody ran `exitstat unpin`.")]
    Unpinned,
    /// Something of it cannot be done.
    #[error("cannot {what} /sys/fs/bpf: {error}")]
    Pin {
        /// What.
        what: &'static str,
        /// Why.
        error: io::Error,
    },
    /// Guests go faster than counters can be read.
    #[error("no whole snapshot: vCPUs went away all the time")]
    Busy,
}

impl Error {
    /// Whether BPF could count here, and only what is pinned is wrong.
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

/// What to do where perf is for root only.
fn paranoid() -> &'static str {
    let level = std::fs::read_to_string("/proc/sys/kernel/perf_event_paranoid");
    match level.is_ok_and(|level| level.trim().parse::<i32>().is_ok_and(|level| level > 2)) {
        true => ".\nkernel.perf_event_paranoid is above 2 here: run it as root, or `sysctl kernel.perf_event_paranoid=2`",
        false => "",
    }
}
