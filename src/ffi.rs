// SPDX-License-Identifier: GPL-2.0

//! The C side: the observer interface of KVM's shim, and the module's own C object.
//!
//! C headers: `arch/x86/include/asm/kvm_exit_observer.h` (from `patches/`), `exitstat_glue.h`. The
//! declarations are generated from them at build time. Functions that can be called without
//! conditions have safe wrappers here.

use kernel::str::BStr;

#[expect(
    clippy::undocumented_unsafe_blocks,
    dead_code,
    non_camel_case_types,
    non_upper_case_globals,
    unreachable_pub
)]
mod bindings {
    include!(env!("EXITSTAT_BINDINGS"));
}

pub(crate) use bindings::*;

/// Whose counts a guest reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Those of its own VM.
    Vm,
    /// Those of the host.
    Host,
    /// None.
    Off,
}

impl Scope {
    /// Returns the parameter's word for it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Vm => "vm",
            Self::Host => "host",
            Self::Off => "off",
        }
    }
}

/// Returns the current value of the parameter `guest_scope`.
pub(crate) fn guest_scope() -> Scope {
    // SAFETY: The function reads one word and can be called at any time.
    match unsafe { bindings::exitstat_guest_scope() } {
        bindings::exitstat_scope_EXITSTAT_SCOPE_VM => Scope::Vm,
        bindings::exitstat_scope_EXITSTAT_SCOPE_HOST => Scope::Host,
        _ => Scope::Off,
    }
}

/// Returns the current value of the parameter `log_every`.
pub(crate) fn log_every() -> u64 {
    // SAFETY: The function reads one word and can be called at any time.
    unsafe { bindings::exitstat_log_every() }
}

/// Returns the current value of the parameter `log_cpuid`.
#[inline(always)]
pub(crate) fn log_cpuid() -> bool {
    // SAFETY: The function reads one word and can be called at any time.
    unsafe { bindings::exitstat_log_cpuid() != 0 }
}

/// Returns the details being captured: `DETAIL_…` of `snapshot`, ORed.
pub(crate) fn detail() -> u32 {
    // SAFETY: The function reads one word and can be called at any time.
    unsafe { bindings::exitstat_detail() }
}

/// Returns whether the caller may see details of guests, and not only counts.
pub(crate) fn may_see_details() -> bool {
    // SAFETY: The function looks at the current process and can be called at any time.
    unsafe { bindings::exitstat_perfmon_capable() }
}

/// Returns the current time.
pub(crate) fn clock() -> exitstat_clock {
    let mut clock = exitstat_clock::default();
    // SAFETY: `clock` is valid for writes.
    unsafe { bindings::exitstat_read_clock(&mut clock) };
    clock
}

/// Returns the TSC.
pub(crate) fn tsc() -> u64 {
    // SAFETY: The function reads a register.
    unsafe { bindings::exitstat_tsc() }
}

/// Returns a number that differs each time the module is loaded.
pub(crate) fn load_id() -> u64 {
    // SAFETY: The function reads one word, which is set before anybody can ask.
    unsafe { bindings::exitstat_load_id() }
}

/// Returns a number that differs for each VM and each load of the module; VM 0 stands for the host.
/// The number does not reveal how many VMs there were.
pub(crate) fn generation(vm: u64) -> u32 {
    // SAFETY: The function's key is set before anybody can ask.
    unsafe { bindings::exitstat_generation(vm) }
}

/// Returns the module's version, padded with NULs.
pub(crate) fn version() -> [u8; 16] {
    let mut version = [0; 16];
    for (to, from) in version.iter_mut().zip(bindings::EXITSTAT_VERSION) {
        *to = *from;
    }
    version
}

/// Returns the text before the first NUL.
pub(crate) fn until_nul(bytes: &[u8]) -> &BStr {
    let len = bytes.iter().position(|&c| c == 0).unwrap_or(bytes.len());
    BStr::from_bytes(bytes.get(..len).unwrap_or(&[]))
}

/// Returns the ID of the current process in the host's namespace.
pub(crate) fn current_process() -> u32 {
    // SAFETY: The function has no preconditions.
    unsafe { bindings::exitstat_current_process() }
}

/// Waits for all code that runs with preemption disabled now. May sleep.
pub(crate) fn synchronize_rcu() {
    // SAFETY: Only work items call this, so the context is not atomic.
    unsafe { bindings::exitstat_synchronize_rcu() }
}

#[cfg(exitstat_kunit)]
#[kernel::prelude::kunit_tests(exitstat_ffi)]
mod tests {
    use super::*;

    /// The parameter is the test module's own, and nobody sets it.
    #[test]
    fn guest_scope_is_vm_by_default() {
        assert!(guest_scope() == Scope::Vm);
    }

    /// Compares with the shim's C header: the module reads and fills in these structures.
    #[test]
    fn structures_are_as_in_c() {
        use core::mem::{
            offset_of,
            size_of, //
        };

        assert_eq!(size_of::<kvm_exit_cpuid>(), 48);
        assert_eq!(offset_of!(kvm_exit_cpuid, ecx), 36);
        assert_eq!(size_of::<kvm_exit_observer>(), 88);
        assert_eq!(size_of::<kvm_exit_vcpu>(), 56);
        assert_eq!(size_of::<kvm_exit_detail>(), 24);
    }
}
