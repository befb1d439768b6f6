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
