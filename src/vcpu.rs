// SPDX-License-Identifier: GPL-2.0

//! Exits of one vCPU by reason, and what is left of the vCPUs that are gone.
//!
//! The shim allocates the memory, zeroed, when a vCPU has its first exit, and frees it after
//! [`Vcpu::retire`]; see `observer`.

use super::{
    counter::Pair,
    ffi,
    reason::{
        Slot,
        SLOTS, //
    },
    tally::Tally, //
};
use kernel::str::BStr;

/// What is kept of a vCPU. All zeros are a valid value: the initial one.
#[repr(C)]
pub(crate) struct Vcpu {
    /// Set by the shim before anybody else sees this.
    who: ffi::kvm_exit_vcpu,
    exits: [Pair; SLOTS],
    /// Exits that user space had to finish, and the cycles from the return of `KVM_RUN` on.
    user: [Pair; SLOTS],
}

/// The sums over all vCPUs that were retired.
static RETIRED: [Pair; SLOTS] = [const { Pair::new() }; SLOTS];

impl Vcpu {
    /// Counts an exit.
    #[inline(always)]
    pub(crate) fn record(&self, slot: Slot, cycles: u64) {
        if let Some(pair) = self.exits.get(slot.index()) {
            pair.add_one(cycles);
        }
    }

    /// Counts exits that user space finishes, or the time it took for it.
    pub(crate) fn record_user(&self, slot: Slot, tally: Tally) {
        if let Some(pair) = self.user.get(slot.index()) {
            pair.add(tally);
        }
    }

    /// The exits that were counted in `slot`.
    pub(crate) fn total(&self, slot: Slot) -> Tally {
        let pair = self.exits.get(slot.index());
        pair.map(Pair::get).unwrap_or_default()
    }

    /// All exits.
    pub(crate) fn grand_total(&self) -> Tally {
        self.exits.iter().map(Pair::get).sum()
    }

    /// All exits that user space finished.
    pub(crate) fn user_total(&self) -> Tally {
        self.user.iter().map(Pair::get).sum()
    }

    /// Saves the sums before the memory goes.
    pub(crate) fn retire(&self) {
        for (from, to) in self.exits.iter().zip(&RETIRED) {
            to.add(from.get());
        }
    }

    /// The VM, the vCPU in it, and the process that runs it.
    pub(crate) fn who(&self) -> (u64, u32, u32) {
        (self.who.vm_id, self.who.vcpu_id, self.who.tgid)
    }

    /// The name of the process that runs the vCPU.
    pub(crate) fn process(&self) -> &BStr {
        let comm = &self.who.comm;
        let len = comm.iter().position(|&c| c == 0).unwrap_or(comm.len());
        BStr::from_bytes(comm.get(..len).unwrap_or(&[]))
    }
}

/// All exits of vCPUs that are gone.
pub(crate) fn retired_total() -> Tally {
    RETIRED.iter().map(Pair::get).sum()
}
