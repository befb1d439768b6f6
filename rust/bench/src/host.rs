// SPDX-License-Identifier: GPL-2.0

//! A host with the module, in this process: CPUs, and vCPUs that have had an exit.

use crate::{
    module::{
        contents::{self, What},
        observer::Registration,
    },
    shim,
};
use core::{ffi::c_void, marker::PhantomData};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most CPUs that a host can have here.
pub const MOST_CPUS: u32 = shim::CPUS;

/// One at a time: counters of CPUs, and the module's place as the observer, are there once.
static HOST: Mutex<()> = Mutex::new(());

/// A host with the module. Dropped, the vCPUs are gone, and the next one can be.
pub struct Host {
    // Dropped in this order: the next host waits for the registration to be given up.
    _registration: Registration,
    vcpus: Vec<Vcpu>,
    cpus: u32,
    _only: MutexGuard<'static, ()>,
}

/// What the module keeps of a vCPU.
struct Vcpu(*mut c_void);

// SAFETY: Only the module's callbacks access it, which any thread may call.
unsafe impl Send for Vcpu {}
// SAFETY: As above.
unsafe impl Sync for Vcpu {}

impl Host {
    /// With so many CPUs, and one VM with so many vCPUs.
    ///
    /// # Panics
    ///
    /// There are more than [`MOST_CPUS`].
    #[must_use]
    pub fn new(cpus: u32, vcpus: u32) -> Self {
        let only = HOST.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: Those who can, borrow the one host, and it was dropped.
        unsafe { shim::set_possible(cpus) };
        let registration = Registration::new().expect("nobody else is registered");
        Self {
            _registration: registration,
            vcpus: (0..vcpus).map(|id| Vcpu(shim::attach(1, id))).collect(),
            cpus,
            _only: only,
        }
    }

    /// Makes the thread one of the CPUs.
    ///
    /// # Panics
    ///
    /// There is no such CPU.
    #[must_use]
    pub fn cpu(&self, cpu: u32) -> Cpu<'_> {
        assert!(cpu < self.cpus);
        shim::enter_cpu(cpu);
        Cpu(PhantomData)
    }

    /// What the module keeps of a vCPU.
    pub(crate) fn data(&self, vcpu: u32) -> *mut c_void {
        self.vcpus[vcpu as usize].0
    }

    /// A snapshot of all counters, as `src/device.rs` has it made: measured, and then written.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let mut bytes = vec![0; contents::write(What::All, false, &mut [])];
        let needed = contents::write(What::All, false, &mut bytes);
        bytes.truncate(needed);
        bytes
    }
}

/// The thread is a CPU; it cannot be given to another thread.
pub struct Cpu<'h>(PhantomData<(&'h Host, *mut ())>);

/// Bytes that the module has for each possible CPU.
#[must_use]
pub const fn cpu_size() -> u64 {
    size_of::<shim::exitstat_cpu_table>() as u64
}

/// Bytes that the module asks the shim for, for each vCPU.
#[must_use]
pub fn vcpu_size() -> u64 {
    let _host = Host::new(1, 0);
    shim::data_size()
}
