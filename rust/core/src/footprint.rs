// SPDX-License-Identifier: GPL-2.0

//! Limits of the host memory that exitstat uses, in bytes. A change that exceeds one must raise it
//! here.
//!
//! The module's build compares its own data, its KUnit suites the allocations, and
//! `scripts/memory.sh` the growth of KVM's structures; docs/bench.md has the figures.

/// The module, per possible CPU.
pub const CPU: usize = 1_392;

/// The module, per vCPU that has taken an exit: the size requested from the shim.
pub const VCPU: usize = 27_216;

/// Size that the shim allocates for it: whole pages.
pub const VCPU_ALLOCATED: usize = 28 << 10;

/// Growth of `struct kvm_vcpu` in the lab's configuration: two cache lines, one of them for
/// details, plus alignment.
pub const KVM_VCPU: usize = 184;

/// Growth of `struct vcpu_vmx`, which embeds `struct kvm_vcpu` and is what KVM allocates.
pub const VCPU_VMX: usize = 128;

/// Growth of `struct kvm`. The VM's ID fits in its padding.
pub const KVM: usize = 0;

/// Growth of `struct kvm_vmx`, which embeds `struct kvm` and is what KVM allocates.
pub const KVM_VMX: usize = 0;
