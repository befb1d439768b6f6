// SPDX-License-Identifier: GPL-2.0

//! Methods to record an exit, all called like the module's callback: through a function pointer. In
//! the kernel it is a static call, which is patched into a direct one.

use crate::{
    host::{Cpu, Host},
    load::Load,
    shim::{self, Exit},
};
use core::{
    ffi::c_void,
    hint::black_box,
    marker::PhantomData,
    ptr::null_mut,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};
use exitstat_core::reason::END;

/// A recorder for exits of a vCPU.
pub trait Record {
    /// Records this many exits.
    fn record(&self, cpu: &Cpu<'_>, load: &Load, exits: u64);
}

/// A method to record exits of a vCPU.
#[derive(Clone, Copy, Debug)]
pub struct Recorder<'h> {
    callback: Exit,
    data: *mut c_void,
    _host: PhantomData<&'h ()>,
}

impl Host {
    /// Returns the recorder of the module for exits of a vCPU.
    ///
    /// # Panics
    ///
    /// Panics if the vCPU does not exist.
    #[must_use]
    pub fn recorder(&self, vcpu: u32) -> Recorder<'_> {
        // SAFETY: The data are that vCPU's, until `self` is dropped.
        unsafe { Recorder::new(shim::exit(), self.data(vcpu)) }
    }
}

impl Recorder<'_> {
    /// # Safety
    ///
    /// For `'h`, `callback` may be called with `data`, by a thread that acts as a CPU.
    pub(crate) unsafe fn new(callback: Exit, data: *mut c_void) -> Self {
        Self {
            callback,
            data,
            _host: PhantomData,
        }
    }
}

impl Record for Recorder<'_> {
    fn record(&self, _cpu: &Cpu<'_>, load: &Load, exits: u64) {
        let callback = black_box(self.callback);
        for number in 0..exits {
            let (reason, cycles) = load.exit(number);
            // SAFETY: The caller of `new()` guarantees it; the `Cpu` shows that this thread acts as
            // a CPU.
            unsafe { callback(self.data, reason, cycles) };
        }
    }
}

/// An empty function, to measure the cost of the call alone.
#[must_use]
pub fn nothing() -> Recorder<'static> {
    unsafe extern "C" fn exit(_: *mut c_void, reason: u64, cycles: i64) {
        black_box((reason, cycles));
    }

    // SAFETY: The function accepts any arguments.
    unsafe { Recorder::new(exit, null_mut()) }
}

/// Counters shared by all CPUs.
struct Shared {
    exits: AtomicU64,
    cycles: AtomicU64,
    exits_by_reason: [AtomicU64; REASONS],
    cycles_by_reason: [AtomicU64; REASONS],
}

const REASONS: usize = END as usize;

static SHARED: Shared = Shared {
    exits: AtomicU64::new(0),
    cycles: AtomicU64::new(0),
    exits_by_reason: [const { AtomicU64::new(0) }; REASONS],
    cycles_by_reason: [const { AtomicU64::new(0) }; REASONS],
};

/// The method of earlier implementations: atomic counters shared by the whole host. They count
/// exits and cycles, in total and by reason, but have no vCPUs, no histogram and no longest exit.
#[must_use]
pub fn shared_atomics() -> Recorder<'static> {
    unsafe extern "C" fn exit(_: *mut c_void, reason: u64, cycles: i64) {
        SHARED.exits.fetch_add(1, Relaxed);
        let cycles = cycles as u64;
        SHARED.cycles.fetch_add(cycles, Relaxed);
        let reason = reason as usize;
        if let Some(exits) = SHARED.exits_by_reason.get(reason) {
            exits.fetch_add(1, Relaxed);
        }
        if let Some(all) = SHARED.cycles_by_reason.get(reason) {
            all.fetch_add(cycles, Relaxed);
        }
    }

    // SAFETY: The function accepts any arguments.
    unsafe { Recorder::new(exit, null_mut()) }
}

/// Returns the number of exits recorded this way.
#[must_use]
pub fn shared_exits() -> u64 {
    SHARED.exits.load(Relaxed)
}
