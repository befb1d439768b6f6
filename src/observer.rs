// SPDX-License-Identifier: GPL-2.0

//! Where KVM calls the module: once for each VM exit, and for what else its shim reports.
//!
//! C header: `arch/x86/include/asm/kvm_exit_observer.h`.

use super::{
    cpu,
    ffi,
    leaves,
    log,
    reason::{
        Slot,
        SLOTS, //
    },
    row::Row,
    tally::Tally,
    vcpu::{
        self,
        Vcpu, //
    }, //
};
use core::{
    mem::{
        replace,
        size_of, //
    },
    ptr::from_mut, //
};
use kernel::{
    error::to_result,
    ffi::c_void,
    prelude::*, //
};

static OBSERVER: ffi::kvm_exit_observer = ffi::kvm_exit_observer {
    exit: Some(exit),
    user_exit: Some(user_exit),
    user_time: Some(user_time),
    cpuid: Some(cpuid),
    retire: Some(retire),
    data_size: size_of::<Vcpu>() as u64,
};

/// The module's place as the observer of this host's VM exits. Dropped, it is given up: then no
/// callback runs or will run, and there are no vCPU data any more.
pub(crate) struct Registration(());

impl Registration {
    /// `ENODEV` without VMX or without the shim, `EBUSY` if there is another observer; the log
    /// says which.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: No conditions.
        to_result(unsafe { ffi::exitstat_preflight() })?;
        // SAFETY: The preflight found the shim. The functions in `OBSERVER` are what the header
        // asks for, and stay until `drop()`, as the module does.
        to_result(unsafe { ffi::exitstat_register(&OBSERVER) })?;
        Ok(Self(()))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // SAFETY: `self` is the registration.
        unsafe { ffi::exitstat_unregister() }
    }
}

/// Calls `f` with what the vCPUs had that are gone, and then for each vCPU of the host that has
/// data, each exit being in one of them. May sleep, and so may `f`; no vCPU comes or goes meanwhile.
pub(crate) fn for_each(f: &mut dyn FnMut(Option<&Vcpu>, &[Row; SLOTS])) {
    let mut begun = false;
    let each = &mut |vcpu: &Vcpu| {
        // Where vCPUs cannot go, or one could be found in both.
        if !replace(&mut begun, true) {
            f(None, vcpu::retired());
        }
        f(Some(vcpu), vcpu.rows());
    };
    visit(each, |fn_, arg| {
        // SAFETY: The module is registered while anything can read, see `ExitStat`; `visit()`
        // gives a function and the argument that it takes.
        unsafe { ffi::exitstat_visit_all(fn_, arg) }
    });
    // There was none, so that none was found that could have gone since.
    if !begun {
        f(None, vcpu::retired());
    }
}

/// How many vCPUs have no data because there was no memory for them.
pub(crate) fn unattached() -> u64 {
    // SAFETY: As in `for_each()`.
    unsafe { ffi::exitstat_unattached() }
}

/// Has `each` call `f` by way of a C function and its argument.
fn visit(mut f: &mut dyn FnMut(&Vcpu), each: impl FnOnce(ffi::kvm_exit_visit_t, *mut c_void)) {
    /// # Safety
    ///
    /// `data` is a vCPU's, and `arg` is the `&mut f` below, nobody else's during the call.
    unsafe extern "C" fn visitor(data: *mut c_void, arg: *mut c_void) {
        // SAFETY: As the function asks for.
        let f = unsafe { &mut *arg.cast::<&mut dyn FnMut(&Vcpu)>() };
        // SAFETY: The shim gives memory of this module's `data_size`, zeroed when it was
        // allocated, and valid during the call.
        f(unsafe { &*data.cast::<Vcpu>() });
    }

    each(Some(visitor), from_mut(&mut f).cast());
}

/// The vCPU, unless there was no memory for it.
///
/// # Safety
///
/// `data` is a vCPU's, from the shim, or NULL; the reference is for the callback that it came with.
#[inline(always)]
unsafe fn attached<'a>(data: *mut c_void) -> Option<&'a Vcpu> {
    // SAFETY: NULL, or as in `visitor()`.
    unsafe { data.cast::<Vcpu>().as_ref() }
}

/// The exit path: nothing that allocates, sleeps, locks, prints or panics, here or below.
///
/// # Safety
///
/// For the shim to call: `data` is a vCPU's or NULL.
unsafe extern "C" fn exit(data: *mut c_void, reason: u32, cycles: u64) {
    let slot = Slot::of(reason);
    cpu::record(slot, cycles);
    // SAFETY: As this function.
    if let Some(vcpu) = unsafe { attached(data) } {
        vcpu.record(slot, cycles);
    }
}

/// # Safety
///
/// As [`exit()`].
unsafe extern "C" fn user_exit(data: *mut c_void, reason: u32, cycles: u64) {
    let slot = Slot::of(reason);
    cpu::record(slot, cycles);
    // SAFETY: As this function.
    if let Some(vcpu) = unsafe { attached(data) } {
        vcpu.record_user_exit(slot, cycles);
    }
}

/// # Safety
///
/// As [`exit()`].
unsafe extern "C" fn user_time(data: *mut c_void, reason: u32, cycles: u64) {
    // SAFETY: As this function.
    if let Some(vcpu) = unsafe { attached(data) } {
        vcpu.record_user_time(Slot::of(reason), cycles);
    }
}

/// # Safety
///
/// For the shim to call: `data` is a vCPU's.
unsafe extern "C" fn retire(data: *mut c_void) {
    // SAFETY: As in `visitor()`.
    unsafe { &*data.cast::<Vcpu>() }.retire();
}

/// # Safety
///
/// For the shim to call: `query` is valid, and nobody else's during the call.
unsafe extern "C" fn cpuid(query: *mut ffi::kvm_exit_cpuid) {
    // SAFETY: It is the shim's, for us alone during the call.
    let query = unsafe { &mut *query };
    let Some(answer) = leaves::answer(query, ffi::guest_scope(), query.eax, query.ecx) else {
        return;
    };
    if ffi::log_cpuid() {
        log::answered(query.eax, query.ecx, &answer);
    }
    query.answered = 1;
    query.eax = answer.eax;
    query.ebx = answer.ebx;
    query.ecx = answer.ecx;
    query.edx = answer.edx;
}

impl leaves::Asked for ffi::kvm_exit_cpuid {
    fn open_reason(&self) -> Option<u32> {
        (self.open != 0).then_some(self.reason)
    }

    fn sum_over_vcpus(&self, of: &dyn Fn(&Vcpu) -> Tally) -> Tally {
        let mut sum = Tally::default();
        visit(&mut |vcpu| sum = sum.plus(of(vcpu)), |fn_, arg| {
            // SAFETY: There is a query only within `cpuid()`, and `vm` is the shim's.
            unsafe { ffi::exitstat_visit_vm(self.vm, fn_, arg) }
        });
        sum
    }
}
