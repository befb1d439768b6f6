// SPDX-License-Identifier: GPL-2.0

//! What exitstat may take of a host's memory, in bytes. Who lets it grow says so here.
//!
//! The module's build compares what is its own, its KUnit suites what is allocated, and
//! `scripts/memory.sh` what the patches add to KVM; docs/bench.md has the figures.

/// Of the module, for each possible CPU.
pub const CPU: usize = 1_392;

/// Of the module, for each vCPU that has had an exit: what it asks the shim for.
pub const VCPU: usize = 27_216;

/// What the shim allocates for that: whole pages.
pub const VCPU_ALLOCATED: usize = 28 << 10;

/// What the patches add to `struct kvm_vcpu`, in the lab's configuration: two cache lines, one of which is for details, and what aligns them.
pub const KVM_VCPU: usize = 184;

/// What the patches add to `struct vcpu_vmx`, which has that one in it and is what is allocated.
pub const VCPU_VMX: usize = 128;

/// What the patches add to `struct kvm`. Its padding has room for the VM's number.
pub const KVM: usize = 0;

/// What the patches add to `struct kvm_vmx`, which has that one in it and is what is allocated.
pub const KVM_VMX: usize = 0;
