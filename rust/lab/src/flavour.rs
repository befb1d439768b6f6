// SPDX-License-Identifier: GPL-2.0

//! The configurations that kernels are built in.

use clap::ValueEnum;

/// A configuration of the kernel: fragments in `tests/lab/kernel/`, one over the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Flavour {
    /// A small host kernel, for behaviour and costs
    Plain,
    /// KASAN, lockdep, kmemleak and fault injection
    Debug,
    /// KCSAN, which finds data races in C code
    Kcsan,
    /// A distribution's options: mitigations, CFI, the ORC unwinder, and all of KVM
    Distro,
    /// PREEMPT_RT; only KVM and the module are compiled, so it does not boot
    Rt,
}

impl Flavour {
    /// The fragments, in the order that they are merged in.
    pub fn fragments(self) -> &'static [&'static str] {
        match self {
            Self::Plain => &["l1.config"],
            Self::Debug => &["l1.config", "debug.config"],
            Self::Kcsan => &["l1.config", "kcsan.config"],
            Self::Distro => &["l1.config", "distro.config"],
            Self::Rt => &["l1.config", "rt.config"],
        }
    }

    /// What it is called in names of directories; with a hyphen, and empty for the plain one.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Debug => "-debug",
            Self::Kcsan => "-kcsan",
            Self::Distro => "-distro",
            Self::Rt => "-rt",
        }
    }

    /// What a person who waits for the build reads, and about how many lines make prints.
    pub fn progress(self) -> (&'static str, u64) {
        match self {
            Self::Plain => ("", 2250),
            Self::Debug => (" with debugging", 2270),
            Self::Kcsan => (" with KCSAN", 2260),
            Self::Distro => (" as distributions have it", 2550),
            Self::Rt => (" with PREEMPT_RT", 190),
        }
    }

    /// Whether it is built whole, and so can be booted.
    pub fn boots(self) -> bool {
        self != Self::Rt
    }

    /// Instructions in a second of the emulated clock, by all CPUs. What checks everything is given more
    /// of them, or it does nothing but serve its own clock ticks.
    pub fn instructions_per_second(self) -> u32 {
        match self {
            Self::Plain | Self::Distro | Self::Rt => 100_000_000,
            Self::Debug => 1_000_000_000,
            Self::Kcsan => 400_000_000,
        }
    }

    /// What its kernel's command line has more.
    pub fn append(self) -> &'static str {
        match self {
            Self::Plain | Self::Debug | Self::Distro | Self::Rt => "",
            // Microseconds that it watches a place for: as many instructions as with the usual clock.
            Self::Kcsan => "kcsan.udelay_task=20 kcsan.udelay_interrupt=5",
        }
    }

    /// Minutes that its two kernels take to build on 2 cores: the patched one is the smaller part.
    pub fn minutes(self) -> u64 {
        match self {
            Self::Plain => 9,
            Self::Debug => 17,
            Self::Kcsan => 14,
            Self::Distro => 15,
            Self::Rt => 3,
        }
    }
}
