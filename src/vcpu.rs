// SPDX-License-Identifier: GPL-2.0

//! Exits of one vCPU by reason, and what is left of the vCPUs that are gone.
//!
//! The shim allocates the memory, zeroed, when a vCPU has its first exit, and frees it after
//! [`Vcpu::retire`]; see `observer`.

use super::{
    ffi,
    footprint,
    reason::{
        Slot,
        SLOTS, //
    },
    row::Row,
    snapshot::VcpuHead,
    tally::Tally, //
};
use core::mem::size_of;
use kernel::str::BStr;

/// What is kept of a vCPU. All zeros are a valid value: the initial one.
#[repr(C)]
pub(crate) struct Vcpu {
    /// Set by the shim before anybody else sees this.
    who: ffi::kvm_exit_vcpu,
    rows: [Row; SLOTS],
}

const _: () = assert!(size_of::<Vcpu>() <= footprint::VCPU);

/// The sums over all vCPUs that were retired.
static RETIRED: [Row; SLOTS] = [const { Row::new() }; SLOTS];

impl Vcpu {
    /// The counters of `slot`; there always are.
    #[inline(always)]
    fn row(&self, slot: Slot) -> Option<&Row> {
        self.rows.get(slot.index())
    }

    /// Counts an exit.
    #[inline(always)]
    pub(crate) fn record(&self, slot: Slot, cycles: u64) {
        if let Some(row) = self.row(slot) {
            row.record(cycles);
        }
    }

    /// Counts an exit that user space finishes.
    #[inline(always)]
    pub(crate) fn record_user_exit(&self, slot: Slot, cycles: u64) {
        if let Some(row) = self.row(slot) {
            row.record(cycles);
            row.record_user_exit();
        }
    }

    /// Counts the time that user space took for one, or a part of it.
    #[inline(always)]
    pub(crate) fn record_user_time(&self, slot: Slot, cycles: u64) {
        if let Some(row) = self.row(slot) {
            row.record_user_time(cycles);
        }
    }

    /// The exits that were counted in `slot`.
    pub(crate) fn total(&self, slot: Slot) -> Tally {
        self.row(slot).map(Row::exits).unwrap_or_default()
    }

    /// All exits.
    pub(crate) fn grand_total(&self) -> Tally {
        self.rows.iter().map(Row::exits).sum()
    }

    /// All counters, by slot.
    pub(crate) fn rows(&self) -> &[Row; SLOTS] {
        &self.rows
    }

    /// Saves the sums before the memory goes.
    pub(crate) fn retire(&self) {
        for (from, to) in self.rows.iter().zip(&RETIRED) {
            to.add(from);
        }
    }

    /// The VM, the vCPU in it, and the process that runs it.
    pub(crate) fn who(&self) -> (u64, u32, u32) {
        (self.who.vm_id, self.who.vcpu_id, self.who.tgid)
    }

    /// The same for a snapshot.
    pub(crate) fn head(&self) -> VcpuHead {
        VcpuHead {
            vm: self.who.vm_id,
            vcpu: self.who.vcpu_id,
            pid: self.who.tgid,
            process: self.who.comm,
        }
    }

    /// The name of the process that runs the vCPU.
    pub(crate) fn process(&self) -> &BStr {
        ffi::until_nul(&self.who.comm)
    }
}

/// What the vCPUs had that are gone, by slot.
pub(crate) fn retired() -> &'static [Row; SLOTS] {
    &RETIRED
}

#[cfg(exitstat_kunit)]
#[kernel::prelude::kunit_tests(exitstat_vcpu)]
pub(crate) mod tests {
    use super::*;
    use crate::reason::END;
    use core::{
        array::from_fn,
        mem::offset_of,
        ptr::from_ref, //
    };
    use kernel::prelude::*;

    // SAFETY: The shim makes them of zeros too.
    unsafe impl Zeroable for Vcpu {}

    /// A vCPU as the shim makes them.
    pub(crate) fn some_vcpu() -> Result<KVBox<Vcpu>> {
        vcpu_of(*b"qemu-system-x86\0")
    }

    /// On the heap from the beginning: it is larger than a stack.
    fn vcpu_of(comm: [u8; 16]) -> Result<KVBox<Vcpu>> {
        let mut vcpu = KVBox::init(pin_init::init_zeroed::<Vcpu>(), GFP_KERNEL)?;
        vcpu.who = ffi::kvm_exit_vcpu {
            vm_id: 0x1_0000_0003,
            vcpu_id: 2,
            tgid: 77,
            comm,
        };
        Ok(vcpu)
    }

    fn user_total(vcpu: &Vcpu) -> Tally {
        vcpu.rows().iter().map(Row::user).sum()
    }

    const fn tally(exits: u64, cycles: u64) -> Tally {
        Tally { exits, cycles }
    }

    fn sums(of: fn(&Row) -> Tally) -> [Tally; SLOTS] {
        from_fn(|index| RETIRED.get(index).map(of).unwrap_or_default())
    }

    #[test]
    fn what_the_shim_sets_comes_first_and_counters_follow() {
        assert_eq!(offset_of!(Vcpu, who), 0);
        assert_eq!(size_of::<ffi::kvm_exit_vcpu>(), 32);
        assert_eq!(size_of::<Vcpu>(), 32 + 87 * (16 + 16 + 8 + 64 * 8));
    }

    /// By the same function of the kernel as the shim's.
    #[test]
    fn the_allocator_takes_no_more_for_it_than_is_said() -> Result {
        let vcpu = some_vcpu()?;
        let size = size_of::<Vcpu>() as u64;
        // SAFETY: It is an allocation of that size.
        let allocated = unsafe {
            ffi::exitstat_kunit_allocated(from_ref::<Vcpu>(&vcpu).cast(), size) //
        };
        assert!(allocated >= size);
        assert!(allocated <= footprint::VCPU_ALLOCATED as u64);
        pr_info!("{size} bytes of a vCPU take {allocated}\n");
        Ok(())
    }

    #[test]
    fn an_exit_is_recorded_in_its_slot_only() -> Result {
        for number in 0..=END {
            let vcpu = some_vcpu()?;
            vcpu.record(Slot::of(number), 1 << 40);
            vcpu.record(Slot::of(number), 2);
            for other in 0..=END {
                let exits = if other == number { 2 } else { 0 };
                let cycles = if other == number { (1 << 40) + 2 } else { 0 };
                assert_eq!(vcpu.total(Slot::of(other)), tally(exits, cycles));
            }
            assert_eq!(vcpu.grand_total(), tally(2, (1 << 40) + 2));
            assert_eq!(user_total(&vcpu), tally(0, 0));
        }
        Ok(())
    }

    #[test]
    fn numbers_from_86_up_are_recorded_in_the_undefined_slot() -> Result {
        let vcpu = some_vcpu()?;
        for number in [END, END + 1, 0xffff, u32::MAX] {
            vcpu.record(Slot::of(number), 1);
        }
        assert_eq!(vcpu.total(Slot::of(END)), tally(4, 4));
        for number in 0..END {
            assert_eq!(vcpu.total(Slot::of(number)), tally(0, 0));
        }
        Ok(())
    }

    #[test]
    fn user_space_is_counted_apart() -> Result {
        let vcpu = some_vcpu()?;
        vcpu.record(Slot::of(30), 5);
        vcpu.record_user_exit(Slot::of(30), 20);
        vcpu.record_user_time(Slot::of(30), 900);
        vcpu.record_user_exit(Slot::of(END), 3);
        vcpu.record_user_time(Slot::of(END), 60);
        vcpu.record_user_time(Slot::of(END), 40);
        assert_eq!(vcpu.total(Slot::of(30)), tally(2, 25));
        assert_eq!(vcpu.grand_total(), tally(3, 28));
        assert_eq!(user_total(&vcpu), tally(2, 1000));
        Ok(())
    }

    #[test]
    fn a_retired_vcpu_is_in_the_retired_sums_once() -> Result {
        let (exits, user) = (sums(Row::exits), sums(Row::user));
        for _ in 0..2 {
            let vcpu = some_vcpu()?;
            for number in 0..=END {
                vcpu.record_user_exit(Slot::of(number), u64::from(number));
                vcpu.record_user_time(Slot::of(number), 1 << 50);
            }
            vcpu.retire();
        }
        for (number, (now, before)) in sums(Row::exits).into_iter().zip(exits).enumerate() {
            assert_eq!(now, before.plus(tally(2, 2 * number as u64)));
        }
        for (now, before) in sums(Row::user).into_iter().zip(user) {
            assert_eq!(now, before.plus(tally(2, 2 << 50)));
        }
        Ok(())
    }

    #[test]
    fn who_is_what_the_shim_set() -> Result {
        let vcpu = some_vcpu()?;
        vcpu.record(Slot::of(0), 1);
        assert!(vcpu.who() == (0x1_0000_0003, 2, 77));
        Ok(())
    }

    #[test]
    fn the_process_name_ends_at_the_first_nul_or_the_last_byte() -> Result {
        for (comm, name) in [
            (*b"qemu\0\0\0\0\0\0\0\0\0\0\0\0", &b"qemu"[..]),
            (*b"qemu\0left over\0\0", b"qemu"),
            (*b"qemu-system-x86\0", b"qemu-system-x86"),
            (*b"no NUL in sight!", b"no NUL in sight!"),
            ([0; 16], b""),
        ] {
            let vcpu = vcpu_of(comm)?;
            let seen: &[u8] = vcpu.process();
            assert!(seen == name);
        }
        Ok(())
    }
}
