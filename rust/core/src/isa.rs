// SPDX-License-Identifier: GPL-2.0

//! Whose virtualization extension a guest runs on; it gives exit reasons their numbers.

/// An extension, with the number that KVM's tracepoints have for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isa {
    /// Intel's VMX: basic exit reasons.
    #[default]
    Vmx = 1,
    /// AMD's SVM: exit codes.
    Svm = 2,
}

impl Isa {
    /// That of a number; 0 is [`Isa::Vmx`], as snapshots of exitstat 0.2 have it.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        match number {
            0 | 1 => Some(Self::Vmx),
            2 => Some(Self::Svm),
            _ => None,
        }
    }
}
