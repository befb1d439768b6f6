// SPDX-License-Identifier: GPL-2.0

//! A host with the module, in this process: CPUs, and vCPUs that have taken an exit.

use crate::{
    module::{
        contents::{self, What},
        observer::Registration,
    },
    shim,
};
use core::{ffi::c_void, marker::PhantomData};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The maximum number of CPUs of a host.
pub const MOST_CPUS: u32 = shim::CPUS;

/// One host at a time: the CPUs' counters and the module's registration exist once.
static HOST: Mutex<()> = Mutex::new(());

/// A host with the module. Dropping it destroys the vCPUs and makes room for the next one.
pub struct Host {
    // Dropped in this order: the next host must wait until the registration has ended.
    _registration: Registration,
    vcpus: Vec<Vcpu>,
    cpus: u32,
    _only: MutexGuard<'static, ()>,
}

/// The module's data of a vCPU.
struct Vcpu(*mut c_void);

// SAFETY: Only the module's callbacks access it, which any thread may call.
unsafe impl Send for Vcpu {}
// SAFETY: As above.
unsafe impl Sync for Vcpu {}

impl Host {
    /// Creates a host with this many CPUs, and one VM with this many vCPUs.
    ///
    /// # Panics
    ///
    /// Panics if there are more than [`MOST_CPUS`].
    #[must_use]
    pub fn new(cpus: u32, vcpus: u32) -> Self {
        let only = HOST.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: All users borrow the only host, and the previous one has been dropped.
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
    /// Panics if there is no such CPU.
    #[must_use]
    pub fn cpu(&self, cpu: u32) -> Cpu<'_> {
        assert!(cpu < self.cpus);
        shim::enter_cpu(cpu);
        Cpu(PhantomData)
    }

    /// The module's data of a vCPU.
    pub(crate) fn data(&self, vcpu: u32) -> *mut c_void {
        self.vcpus[vcpu as usize].0
    }

    /// Returns a snapshot of all counters. It is measured first and then written, as
    /// `src/device.rs` does.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let mut bytes = vec![0; contents::write(What::All, false, &mut [])];
        let needed = contents::write(What::All, false, &mut bytes);
        bytes.truncate(needed);
        bytes
    }
}

/// A thread that acts as a CPU; it cannot be sent to another thread.
pub struct Cpu<'h>(PhantomData<(&'h Host, *mut ())>);

/// Returns the size of the module's data per possible CPU, in bytes.
#[must_use]
pub const fn cpu_size() -> u64 {
    size_of::<shim::exitstat_cpu_table>() as u64
}

/// Returns the size of the data the module requests per vCPU, in bytes.
#[must_use]
pub fn vcpu_size() -> u64 {
    let _host = Host::new(1, 0);
    shim::data_size()
}
