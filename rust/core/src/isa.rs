// SPDX-License-Identifier: GPL-2.0

//! Virtualization extensions, which define the numbers of exit reasons.

/// An extension, with its number in KVM's tracepoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isa {
    /// Intel's VMX: basic exit reasons.
    #[default]
    Vmx = 1,
    /// AMD's SVM: exit codes.
    Svm = 2,
}
