// SPDX-License-Identifier: GPL-2.0

//! Where KVM calls the module: once for each VM exit, and for what else its shim reports.
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

/// The module's place as the observer of this host's VM exits. Dropped, it is given up: then no
/// callback runs or will run, and there are no vCPU data any more.
pub(crate) struct Registration(());

impl Registration {
    /// `ENODEV` without VMX or without the shim, `EINVAL` if it is of another version, `EBUSY` if
    /// there is another observer; the log says which.
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

/// Whose counters they are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The sums of the vCPUs that are gone.
    Retired,
    /// Those of a vCPU that is there.
    Live,
}

/// Calls `f` with the sums of the vCPUs that are gone, and then for each vCPU of the host that has
/// data; each exit is in one of them. May sleep, but `f` must not: a vCPU's first exit waits.
pub(crate) fn for_each(f: &mut dyn FnMut(Kind, &Vcpu)) {
    let mut begun = false;
    let each = &mut |vcpu: &Vcpu| {
        // Where vCPUs cannot go, or one could be found in both.
        if !replace(&mut begun, true) {
            f(Kind::Retired, vcpu::retired());
        }
        f(Kind::Live, vcpu);
    };
    visit(each, |fn_, arg| {
        // SAFETY: The module is registered while anything can read, see `ExitStat`; `visit()`
        // gives a function and the argument that it takes.
        unsafe { ffi::exitstat_visit_all(fn_, arg) }
    });
    // There was none, so that none was found that could have gone since.
    if !begun {
        f(Kind::Retired, vcpu::retired());
    }
}

/// The number of vCPUs whose counters could not be allocated.
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

/// The vCPU that a callback is for.
///
/// # Safety
///
/// `data` come from the shim; the reference is for the callback that they came with.
#[inline(always)]
unsafe fn vcpu<'a>(data: *mut c_void) -> &'a Vcpu {
    // SAFETY: As in `visitor()`.
    unsafe { &*data.cast::<Vcpu>() }
}

/// The exit path: nothing that allocates, sleeps, locks, prints or panics, here or below.
///
/// # Safety
///
/// For the shim to call: `data` is a vCPU's.
unsafe extern "C" fn exit(data: *mut c_void, reason: u64, cycles: i64) {
    // SAFETY: As this function.
    let vcpu = unsafe { vcpu(data) };
    match Slot::below_end(reason) {
        Some(slot) => exit_of(vcpu, slot, cycles),
        None => marked(vcpu, reason, cycles, exit_of),
    }
}

/// # Safety
///
/// As [`exit()`].
unsafe extern "C" fn user_exit(data: *mut c_void, reason: u64, cycles: i64) {
    // SAFETY: As this function.
    let vcpu = unsafe { vcpu(data) };
    match Slot::below_end(reason) {
        Some(slot) => user_exit_of(vcpu, slot, cycles),
        None => marked(vcpu, reason, cycles, user_exit_of),
    }
}

/// # Safety
///
/// As [`exit()`].
unsafe extern "C" fn user_time(data: *mut c_void, reason: u64, user_cycles: i64, cycles: i64) {
    let (slot, cycles) = (slot_only(reason), at_least_0(cycles));
    cpu::record_more(slot, cycles);
    // SAFETY: As this function.
    unsafe { vcpu(data) }.record_user_time(slot, at_least_0(user_cycles), cycles);
}

/// As [`exit()`], while details are captured.
///
/// # Safety
///
/// As [`exit()`].
unsafe extern "C" fn exit_detailed(data: *mut c_void, reason: u64, cycles: i64) {
    // SAFETY: As this function.
    let vcpu = unsafe { vcpu(data) };
    match Slot::below_end(reason) {
        Some(slot) => exit_detailed_of(vcpu, slot, cycles),
        None => marked(vcpu, reason, cycles, exit_detailed_of),
    }
}

/// # Safety
///
/// As [`exit()`].
unsafe extern "C" fn user_exit_detailed(data: *mut c_void, reason: u64, cycles: i64) {
    // SAFETY: As this function.
    let vcpu = unsafe { vcpu(data) };
    match Slot::below_end(reason) {
        Some(slot) => user_exit_detailed_of(vcpu, slot, cycles),
        None => marked(vcpu, reason, cycles, user_exit_detailed_of),
    }
}

/// # Safety
///
/// As [`exit()`].
unsafe extern "C" fn user_time_detailed(
    data: *mut c_void,
    reason: u64,
    user_cycles: i64,
    cycles: i64,
) {
    let (slot, cycles) = (slot_only(reason), at_least_0(cycles));
    let user_cycles = at_least_0(user_cycles);
    cpu::record_more(slot, cycles);
    // SAFETY: As this function.
    let vcpu = unsafe { vcpu(data) };
    vcpu.record_user_time(slot, user_cycles, cycles);
    details::record_user_time(vcpu, user_cycles, cycles);
}

/// # Safety
///
/// None: it is `unsafe` to be of the type that the shim's header has.
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

/// An exit with a mark above its basic reason, or with one that hardware does not have.
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

/// Where exits with this reason are counted, without regard to marks. Hardware has no basic reason from
/// `reason::END` up. The number is not a guest's, and needs no clamp against speculation.
#[inline(always)]
fn slot_only(reason: u64) -> Slot {
    Slot::below_end(reason).unwrap_or_else(|| {
        keep_the_branch();
        Slot::of(u32::from(reason as u16))
    })
}

/// What a TSC difference is taken for: a TSC that stepped back is no time.
#[inline(always)]
fn at_least_0(cycles: i64) -> u64 {
    u64::try_from(cycles).unwrap_or_else(|_| {
        keep_the_branch();
        0
    })
}

/// Where the other way is as good as always taken: a branch costs it an instruction less than a
/// conditional move.
#[inline(always)]
fn keep_the_branch() {
    // SAFETY: It is empty.
    unsafe { asm!("", options(nomem, nostack, preserves_flags)) }
}

/// # Safety
///
/// As [`exit()`].
unsafe extern "C" fn retire(data: *mut c_void) {
    // SAFETY: As this function.
    let vcpu = unsafe { vcpu(data) };
    vcpu.retire();
    details::retire(vcpu);
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

    fn generation(&self, scope: Scope) -> u32 {
        ffi::generation(if scope == Scope::Vm { self.vm_id } else { 0 })
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
