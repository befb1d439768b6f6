// SPDX-License-Identifier: GPL-2.0

//! Callbacks from KVM: one for each VM exit, and for the other events of the shim.
//!
//! C header: `arch/x86/include/asm/kvm_exit_observer.h`.

use super::{
    cpu,
    details,
    ffi::{
        self,
        Scope, //
    },
    leaves,
    log,
    reason::Slot,
    tally::Tally,
    vcpu::{
        self,
        Vcpu, //
    }, //
};
use core::{
    arch::asm,
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
    size: size_of::<ffi::kvm_exit_observer>() as u64,
    exit: Some(exit),
    user_exit: Some(user_exit),
    user_time: Some(user_time),
    exit_detailed: Some(exit_detailed),
    user_exit_detailed: Some(user_exit_detailed),
    user_time_detailed: Some(user_time_detailed),
    unattached: Some(unattached_exit),
    cpuid: Some(cpuid),
    retire: Some(retire),
    data_size: size_of::<Vcpu>() as u64,
};

/// The module's registration as the observer of this host's VM exits. After it is dropped, no
/// callback runs or will run, and all vCPU data has been freed.
pub(crate) struct Registration(());

impl Registration {
    /// Registers the module. Fails with `ENODEV` without VMX or without the shim, `EINVAL` if the
    /// shim has another version, and `EBUSY` if another observer is registered. The log says which.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: The function has no preconditions.
        to_result(unsafe { ffi::exitstat_preflight() })?;
        // SAFETY: The preflight found the shim. The functions in `OBSERVER` do what the header
        // requires, and exist until `drop()`, like the module.
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

/// Whose counters they are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The sums of the retired vCPUs.
    Retired,
    /// The counters of a live vCPU.
    Live,
}

/// Calls `f` with the sums of the retired vCPUs, then with each live vCPU that has data. Each exit
/// is in exactly one of them. May sleep, but `f` must not: first exits of vCPUs wait for the walk.
pub(crate) fn for_each(f: &mut dyn FnMut(Kind, &Vcpu)) {
    let mut begun = false;
    let each = &mut |vcpu: &Vcpu| {
        // Read the retired sums where vCPUs cannot go, or a vCPU could be found in both.
        if !replace(&mut begun, true) {
            f(Kind::Retired, vcpu::retired());
        }
        f(Kind::Live, vcpu);
    };
    visit(each, |fn_, arg| {
        // SAFETY: The module is registered while anything can read, see `ExitStat`. `visit()`
        // passes a function and the argument that it takes.
        unsafe { ffi::exitstat_visit_all(fn_, arg) }
    });
    // No vCPU was found, so none can have retired since.
    if !begun {
        f(Kind::Retired, vcpu::retired());
    }
}

/// Returns the number of vCPUs whose counters could not be allocated.
pub(crate) fn unattached() -> u64 {
    // SAFETY: As in `for_each()`.
    unsafe { ffi::exitstat_unattached() }
}

/// Makes `each` call `f` through a C function and its argument.
fn visit(mut f: &mut dyn FnMut(&Vcpu), each: impl FnOnce(ffi::kvm_exit_visit_t, *mut c_void)) {
    /// # Safety
    ///
    /// `data` must be a vCPU's, and `arg` the `&mut f` below, used by nobody else during the call.
    unsafe extern "C" fn visitor(data: *mut c_void, arg: *mut c_void) {
        // SAFETY: The caller guarantees it.
        let f = unsafe { &mut *arg.cast::<&mut dyn FnMut(&Vcpu)>() };
        // SAFETY: The shim passes memory of this module's `data_size`, zeroed when it was
        // allocated, and valid during the call.
        f(unsafe { &*data.cast::<Vcpu>() });
    }

    each(Some(visitor), from_mut(&mut f).cast());
}

/// Returns the vCPU that a callback is for.
///
/// # Safety
///
/// `data` must come from the shim, and the reference must not outlive the callback.
#[inline(always)]
unsafe fn vcpu<'a>(data: *mut c_void) -> &'a Vcpu {
    // SAFETY: As in `visitor()`.
    unsafe { &*data.cast::<Vcpu>() }
}

/// The exit path, which does not allocate, sleep, lock, print or panic, here or below.
///
/// # Safety
///
/// Only the shim may call this, with the `data` of a vCPU.
unsafe extern "C" fn exit(data: *mut c_void, reason: u64, cycles: i64) {
    // SAFETY: The caller passes a vCPU's data.
    let vcpu = unsafe { vcpu(data) };
    match Slot::below_end(reason) {
        Some(slot) => exit_of(vcpu, slot, cycles),
        None => marked(vcpu, reason, cycles, exit_of),
    }
}

/// # Safety
///
/// Same as [`exit()`].
unsafe extern "C" fn user_exit(data: *mut c_void, reason: u64, cycles: i64) {
    // SAFETY: The caller passes a vCPU's data.
    let vcpu = unsafe { vcpu(data) };
    match Slot::below_end(reason) {
        Some(slot) => user_exit_of(vcpu, slot, cycles),
        None => marked(vcpu, reason, cycles, user_exit_of),
    }
}

/// # Safety
///
/// Same as [`exit()`].
unsafe extern "C" fn user_time(data: *mut c_void, reason: u64, user_cycles: i64, cycles: i64) {
    let (slot, cycles) = (slot_only(reason), at_least_0(cycles));
    cpu::record_more(slot, cycles);
    // SAFETY: The caller passes a vCPU's data.
    unsafe { vcpu(data) }.record_user_time(slot, at_least_0(user_cycles), cycles);
}

/// Like [`exit()`], while details are captured.
///
/// # Safety
///
/// Same as [`exit()`].
unsafe extern "C" fn exit_detailed(data: *mut c_void, reason: u64, cycles: i64) {
    // SAFETY: The caller passes a vCPU's data.
    let vcpu = unsafe { vcpu(data) };
    match Slot::below_end(reason) {
        Some(slot) => exit_detailed_of(vcpu, slot, cycles),
        None => marked(vcpu, reason, cycles, exit_detailed_of),
    }
}

/// # Safety
///
/// Same as [`exit()`].
unsafe extern "C" fn user_exit_detailed(data: *mut c_void, reason: u64, cycles: i64) {
    // SAFETY: The caller passes a vCPU's data.
    let vcpu = unsafe { vcpu(data) };
    match Slot::below_end(reason) {
        Some(slot) => user_exit_detailed_of(vcpu, slot, cycles),
        None => marked(vcpu, reason, cycles, user_exit_detailed_of),
    }
}

/// # Safety
///
/// Same as [`exit()`].
unsafe extern "C" fn user_time_detailed(
    data: *mut c_void,
    reason: u64,
    user_cycles: i64,
    cycles: i64,
) {
    let (slot, cycles) = (slot_only(reason), at_least_0(cycles));
    let user_cycles = at_least_0(user_cycles);
    cpu::record_more(slot, cycles);
    // SAFETY: The caller passes a vCPU's data.
    let vcpu = unsafe { vcpu(data) };
    vcpu.record_user_time(slot, user_cycles, cycles);
    details::record_user_time(vcpu, user_cycles, cycles);
}

/// # Safety
///
/// No requirements. The function is `unsafe` only to match the type in the shim's header.
unsafe extern "C" fn unattached_exit(reason: u64, cycles: i64) {
    cpu::record(slot_only(reason), at_least_0(cycles));
}

#[inline(always)]
fn exit_of(vcpu: &Vcpu, slot: Slot, cycles: i64) {
    let cycles = at_least_0(cycles);
    cpu::record(slot, cycles);
    vcpu.record(slot, cycles);
}

#[inline(always)]
fn user_exit_of(vcpu: &Vcpu, slot: Slot, cycles: i64) {
    let cycles = at_least_0(cycles);
    cpu::record(slot, cycles);
    vcpu.record_user_exit(slot, cycles);
}

#[inline(always)]
fn exit_detailed_of(vcpu: &Vcpu, slot: Slot, cycles: i64) {
    exit_of(vcpu, slot, cycles);
    details::record(vcpu, slot, at_least_0(cycles));
}

#[inline(always)]
fn user_exit_detailed_of(vcpu: &Vcpu, slot: Slot, cycles: i64) {
    user_exit_of(vcpu, slot, cycles);
    details::record_user_exit(vcpu, slot, at_least_0(cycles));
}

/// Handles an exit with a flag above its basic reason, or with a reason that hardware does not
/// have.
#[cold]
#[inline(never)]
fn marked(vcpu: &Vcpu, reason: u64, cycles: i64, count: fn(&Vcpu, Slot, i64)) {
    let slot = slot_only(reason);
    count(vcpu, slot, cycles);
    if reason & u64::from(ffi::KVM_EXIT_REASON_NESTED) != 0 {
        let reflected = reason & u64::from(ffi::KVM_EXIT_REASON_REFLECTED) != 0;
        vcpu.record_nested(slot, reflected);
    }
}

/// Returns the slot of a reason, ignoring flags. Hardware has no basic reason from `reason::END`
/// up. The number does not come from a guest, so it needs no clamp against speculation.
#[inline(always)]
fn slot_only(reason: u64) -> Slot {
    Slot::below_end(reason).unwrap_or_else(|| {
        keep_the_branch();
        Slot::of(u32::from(reason as u16))
    })
}

/// Converts a TSC difference to a time: 0 if the TSC stepped back.
#[inline(always)]
fn at_least_0(cycles: i64) -> u64 {
    u64::try_from(cycles).unwrap_or_else(|_| {
        keep_the_branch();
        0
    })
}

/// Keeps a branch whose other side is practically always taken: it costs one instruction less there
/// than a conditional move.
#[inline(always)]
fn keep_the_branch() {
    // SAFETY: The block is empty.
    unsafe { asm!("", options(nomem, nostack, preserves_flags)) }
}

/// # Safety
///
/// Same as [`exit()`].
unsafe extern "C" fn retire(data: *mut c_void) {
    // SAFETY: The caller passes a vCPU's data.
    let vcpu = unsafe { vcpu(data) };
    vcpu.retire();
    details::retire(vcpu);
}

/// # Safety
///
/// Only the shim may call this, with a valid `query` that nobody else uses during the call.
unsafe extern "C" fn cpuid(query: *mut ffi::kvm_exit_cpuid) {
    // SAFETY: The caller guarantees it.
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

    fn generation(&self, scope: Scope) -> u32 {
        ffi::generation(if scope == Scope::Vm { self.vm_id } else { 0 })
    }

    fn sum_over_vcpus(&self, of: &dyn Fn(&Vcpu) -> Tally) -> Tally {
        let mut sum = Tally::default();
        visit(&mut |vcpu| sum = sum.plus(of(vcpu)), |fn_, arg| {
            // SAFETY: A query exists only within `cpuid()`, and `vm` comes from the shim.
            unsafe { ffi::exitstat_visit_vm(self.vm, fn_, arg) }
        });
        sum
    }
}
