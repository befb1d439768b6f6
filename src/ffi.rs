// SPDX-License-Identifier: GPL-2.0

//! The C side: the observer interface of KVM's shim, and the module's own C object.
//!
//! C headers: `arch/x86/include/asm/kvm_exit_observer.h` (from `patches/`), `exitstat_glue.h`.
//! The declarations are generated from them at build time; safe wrappers are here where a call
//! has no conditions.

#[expect(
    dead_code,
    non_camel_case_types,
    non_upper_case_globals,
    unreachable_pub
)]
mod bindings {
    include!(env!("EXITSTAT_BINDINGS"));
}

pub(crate) use bindings::*;

/// Whose counts a guest is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Those of its own VM.
    Vm,
    /// Those of the host.
    Host,
    /// None at all.
    Off,
}

/// The parameter `guest_scope` as it is now.
pub(crate) fn guest_scope() -> Scope {
    // SAFETY: It reads one word, at any time.
    match unsafe { bindings::exitstat_guest_scope() } {
        bindings::exitstat_scope_EXITSTAT_SCOPE_VM => Scope::Vm,
        bindings::exitstat_scope_EXITSTAT_SCOPE_HOST => Scope::Host,
        _ => Scope::Off,
    }
}

#[cfg(exitstat_kunit)]
#[kernel::prelude::kunit_tests(exitstat_ffi)]
mod tests {
    use super::*;

    /// Of the test module's own parameter, which nobody sets.
    #[test]
    fn guest_scope_is_vm_by_default() {
        assert!(guest_scope() == Scope::Vm);
    }

    /// What the shim's header says, in C; the module takes apart and fills in these structures.
    #[test]
    fn structures_are_as_in_c() {
        use core::mem::{
            offset_of,
            size_of, //
        };

        assert_eq!(size_of::<kvm_exit_cpuid>(), 40);
        assert_eq!(offset_of!(kvm_exit_cpuid, ecx), 28);
        assert_eq!(size_of::<kvm_exit_observer>(), 40);
        assert_eq!(size_of::<kvm_exit_vcpu>(), 32);
    }
}
