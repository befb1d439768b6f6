// SPDX-License-Identifier: GPL-2.0

//! The C side: the observer interface of KVM's shim, and the module's own C object.
//!
//! C headers: `arch/x86/include/asm/kvm_exit_observer.h` (from `patches/`), `exitstat_glue.h`.
//! The declarations are generated from them at build time; safe wrappers are here where a call
//! has no conditions.

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

impl Scope {
    /// The word for it, as the parameter has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Vm => "vm",
            Self::Host => "host",
            Self::Off => "off",
        }
    }
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

/// The parameter `log_every` as it is now.
pub(crate) fn log_every() -> u64 {
    // SAFETY: It reads one word, at any time.
    unsafe { bindings::exitstat_log_every() }
}

/// The parameter `log_cpuid` as it is now.
#[inline(always)]
pub(crate) fn log_cpuid() -> bool {
    // SAFETY: It reads one word, at any time.
    unsafe { bindings::exitstat_log_cpuid() != 0 }
}

/// What is captured of exits now: `DETAIL_…` of `snapshot`, or'ed.
pub(crate) fn detail() -> u32 {
    // SAFETY: It reads one word, at any time.
    unsafe { bindings::exitstat_detail() }
}

/// Whether the caller may see what the guests do, and not only how often.
pub(crate) fn may_see_details() -> bool {
    // SAFETY: It looks at the current process, at any time.
    unsafe { bindings::exitstat_perfmon_capable() }
}

/// What time it is.
pub(crate) fn clock() -> exitstat_clock {
    let mut clock = exitstat_clock::default();
    // SAFETY: `clock` is there to be written.
    unsafe { bindings::exitstat_read_clock(&mut clock) };
    clock
}

/// The TSC.
pub(crate) fn tsc() -> u64 {
    // SAFETY: It reads a register.
    unsafe { bindings::exitstat_tsc() }
}

/// Another number each time that the module is loaded.
pub(crate) fn load_id() -> u64 {
    // SAFETY: It reads one word, which is set before anybody can ask.
    unsafe { bindings::exitstat_load_id() }
}

/// Another number for each VM, and each time that the module is loaded; 0 stands for the host. It tells
/// nothing of how many VMs there were.
pub(crate) fn generation(vm: u64) -> u32 {
    // SAFETY: Its key is set before anybody can ask.
    unsafe { bindings::exitstat_generation(vm) }
}

/// The module's version; NULs fill it up.
pub(crate) fn version() -> [u8; 16] {
    let mut version = [0; 16];
    for (to, from) in version.iter_mut().zip(bindings::EXITSTAT_VERSION) {
        *to = *from;
    }
    version
}

/// The text in bytes that NULs fill up.
pub(crate) fn until_nul(bytes: &[u8]) -> &BStr {
    let len = bytes.iter().position(|&c| c == 0).unwrap_or(bytes.len());
    BStr::from_bytes(bytes.get(..len).unwrap_or(&[]))
}

/// The process that runs this, by its number for the host.
pub(crate) fn current_process() -> u32 {
    // SAFETY: No conditions.
    unsafe { bindings::exitstat_current_process() }
}

/// Waits for all that have preemption off now. May sleep.
pub(crate) fn synchronize_rcu() {
    // SAFETY: No caller is atomic: it is called by work items only.
    unsafe { bindings::exitstat_synchronize_rcu() }
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

        assert_eq!(size_of::<kvm_exit_cpuid>(), 48);
        assert_eq!(offset_of!(kvm_exit_cpuid, ecx), 36);
        assert_eq!(size_of::<kvm_exit_observer>(), 88);
        assert_eq!(size_of::<kvm_exit_vcpu>(), 56);
        assert_eq!(size_of::<kvm_exit_detail>(), 24);
    }
}
