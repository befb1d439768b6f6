// SPDX-License-Identifier: GPL-2.0

//! Whole exits: the work an observer adds to an exit from begin to end, with both readings of the
//! TSC.
//!
//! The loops are in `c/whole_exit.c`. One of them calls the shim's own inline functions, from
//! `patches/`, which call the module's callback.

use crate::{
    host::{Cpu, Host},
    load::{Exit, Load},
    recorder::Record,
    shim,
};
use core::{
    ffi::c_void,
    marker::{PhantomData, PhantomPinned},
    ptr::null_mut,
};

/// `struct kvm_vcpu`.
#[repr(C)]
struct Vcpu {
    _opaque: [u8; 0],
    _pinned: PhantomData<(*mut u8, PhantomPinned)>,
}

type Loop = unsafe extern "C" fn(*mut Vcpu, *const Exit, u64, u64);

unsafe extern "C" {
    fn bench_register(exit: shim::Exit);
    fn bench_new_vcpu(data: *mut c_void) -> *mut Vcpu;
    fn bench_observed(vcpu: *mut Vcpu, exits: *const Exit, mask: u64, count: u64);
    fn bench_shared_atomics(vcpu: *mut Vcpu, exits: *const Exit, mask: u64, count: u64);
    fn bench_shared_exits() -> u64;
    fn bench_clock(vcpu: *mut Vcpu, exits: *const Exit, mask: u64, count: u64);
    fn bench_nothing(vcpu: *mut Vcpu, exits: *const Exit, mask: u64, count: u64);
}

/// A method to take exits of a vCPU.
#[derive(Debug)]
pub struct WholeExit<'h> {
    take: Loop,
    vcpu: *mut Vcpu,
    _host: PhantomData<&'h Host>,
}

impl WholeExit<'_> {
    fn new(take: Loop, vcpu: *mut Vcpu) -> Self {
        Self {
            take,
            vcpu,
            _host: PhantomData,
        }
    }
}

impl Record for WholeExit<'_> {
    fn record(&self, _cpu: &Cpu<'_>, load: &Load, exits: u64) {
        const _: () = assert!(Load::EXITS.is_power_of_two());
        let (all, mask) = (load.exits().as_ptr(), Load::EXITS - 1);
        // SAFETY: There are `mask` + 1 exits. This thread acts as a CPU, because it has a `Cpu`. No
        // other thread uses the vCPU, and its data lives as long as the host.
        unsafe { (self.take)(self.vcpu, all, mask, exits) };
    }
}

impl Drop for WholeExit<'_> {
    fn drop(&mut self) {
        // SAFETY: `bench_new_vcpu()` allocated it, or it is null.
        unsafe { libc::free(self.vcpu.cast()) };
    }
}

/// Uses exitstat: the shim's functions and the module's.
///
/// # Panics
///
/// Panics if there is no such vCPU, or no memory.
#[must_use]
pub fn observed(host: &Host, vcpu: u32) -> WholeExit<'_> {
    // SAFETY: The data is that vCPU's. While the host lives, the callback may be called with it.
    let vcpu = unsafe {
        bench_register(shim::exit());
        bench_new_vcpu(host.data(vcpu))
    };
    assert!(!vcpu.is_null(), "out of memory");
    WholeExit::new(bench_observed, vcpu)
}

/// Uses the method of earlier implementations, as in `tests/bench/shared-atomics.patch`.
#[must_use]
pub fn shared_atomics() -> WholeExit<'static> {
    WholeExit::new(bench_shared_atomics, null_mut())
}

/// Returns the number of exits that the shared atomics counted.
#[must_use]
pub fn shared_exits() -> u64 {
    // SAFETY: The function only reads.
    unsafe { bench_shared_exits() }
}

/// Uses the two readings of the TSC alone.
#[must_use]
pub fn clock() -> WholeExit<'static> {
    WholeExit::new(bench_clock, null_mut())
}

/// Uses the loop alone.
#[must_use]
pub fn nothing() -> WholeExit<'static> {
    WholeExit::new(bench_nothing, null_mut())
}
