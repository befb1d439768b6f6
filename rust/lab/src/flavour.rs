// SPDX-License-Identifier: GPL-2.0

//! Kernel configurations.

use clap::ValueEnum;

/// A kernel configuration: fragments of `tests/lab/kernel/`, each overriding those before it.
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
    /// Returns the fragments in merge order.
    pub fn fragments(self) -> &'static [&'static str] {
        match self {
            Self::Plain => &["l1.config"],
            Self::Debug => &["l1.config", "debug.config"],
            Self::Kcsan => &["l1.config", "kcsan.config"],
            Self::Distro => &["l1.config", "distro.config"],
            Self::Rt => &["l1.config", "rt.config"],
        }
    }

    /// Returns the suffix for directory names: empty for the plain configuration, otherwise a hyphen and a
    /// name.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Debug => "-debug",
            Self::Kcsan => "-kcsan",
            Self::Distro => "-distro",
            Self::Rt => "-rt",
        }
    }

    /// Returns a description for progress messages, and about how many lines make prints.
    pub fn progress(self) -> (&'static str, u64) {
        match self {
            Self::Plain => ("", 2250),
            Self::Debug => (" with debugging", 2270),
            Self::Kcsan => (" with KCSAN", 2260),
            Self::Distro => (" as distributions have it", 2550),
            Self::Rt => (" with PREEMPT_RT", 190),
        }
    }

    /// Returns whether the whole kernel is built, so that it can boot.
    pub fn boots(self) -> bool {
        self != Self::Rt
    }

    /// Returns the speed of the emulated clock, in instructions per second of all CPUs together. Kernels that
    /// check everything need more: otherwise they only handle their own clock ticks.
    pub fn instructions_per_second(self) -> u32 {
        match self {
            Self::Plain | Self::Distro | Self::Rt => 100_000_000,
            Self::Debug => 1_000_000_000,
            Self::Kcsan => 400_000_000,
        }
    }

    /// Returns additions to the kernel command line.
    pub fn append(self) -> &'static str {
        match self {
            Self::Plain | Self::Debug | Self::Distro | Self::Rt => "",
            // Delays in microseconds for which KCSAN watches an address: the same number of instructions as
            // with the usual clock.
            Self::Kcsan => "kcsan.udelay_task=20 kcsan.udelay_interrupt=5",
        }
    }

    /// Returns the minutes that building both kernels takes on 2 cores. The patched one takes the smaller part.
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
