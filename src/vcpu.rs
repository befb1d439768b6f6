// SPDX-License-Identifier: GPL-2.0

//! Exits of one vCPU by reason, and the sums over retired vCPUs.
//!
//! The shim allocates the memory, zeroed, when a vCPU takes its first exit, and frees it after
//! [`Vcpu::retire`]; see `observer`.

use super::{
    column::Column,
    detail::Recorder,
    ffi,
    footprint,
    reason::{
        Slot,
        SLOTS, //
    },
    snapshot::{
        NestedTail,
        RowHead,
        VcpuHead,
        BUCKETS,
        FIRST_BUCKET, //
    },
    tally::Tally, //
};
use core::{
    arch::asm,
    cell::UnsafeCell,
    mem::{
        offset_of,
        size_of, //
    },
    ptr::{
        null,
        null_mut, //
    }, //
};

/// Number of histogram buckets kept: one for each bit of a word.
const KEPT: usize = u32::BITS as usize;

/// Counters with one writer at a time, the vCPU's thread, and any number of readers. All zeros is a
/// valid value, and the initial one.
///
/// Each kind has its own column, so that answering a guest reads only the columns of exits and
/// cycles, 22 cache lines. A reader sees each counter whole; see [`Column`] for exits and cycles.
/// The longest exit and the histogram are written last, so a concurrent reader may find one exit
/// fewer in them.
#[repr(C)]
pub(crate) struct Vcpu {
    /// Set by the shim before anybody else sees this; it changes the table's fields later.
    who: UnsafeCell<ffi::kvm_exit_vcpu>,
    exits: Column,
    cycles: Column,
    /// Cycles of the longest exit.
    longest: Column,
    /// Exits that userspace had to finish.
    user_exits: Column,
    /// Cycles spent in userspace.
    user_cycles: Column,
    /// Exits taken while the vCPU ran a nested guest.
    nested: Column,
    /// Those of them that were reflected to the guest hypervisor.
    reflected: Column,
    /// Exits by the highest bit of their cycles, from [`FIRST_BUCKET`] up.
    histograms: [[UnsafeCell<u64>; KEPT]; SLOTS],
    /// State kept beside the table of details.
    recorder: Recorder,
}

// SAFETY: All access is by single instructions on aligned 64-bit words, as in `Column`.
unsafe impl Sync for Vcpu {}

const _: () = assert!(size_of::<Vcpu>() <= footprint::VCPU);
// The shim allocates whole pages.
const _: () = assert!(footprint::VCPU.next_multiple_of(4096) == footprint::VCPU_ALLOCATED);

/// The sums over all retired vCPUs.
static RETIRED: Vcpu = Vcpu {
    who: UnsafeCell::new(ffi::kvm_exit_vcpu {
        vm_id: 0,
        vcpu_id: 0,
        tgid: 0,
        comm: [0; 16],
        detail: null(),
        table: null_mut(),
        table_size: 0,
        period: 0,
    }),
    exits: Column::new(),
    cycles: Column::new(),
    longest: Column::new(),
    user_exits: Column::new(),
    user_cycles: Column::new(),
    nested: Column::new(),
    reflected: Column::new(),
    histograms: [const { [const { UnsafeCell::new(0) }; KEPT] }; SLOTS],
    recorder: Recorder::new(),
};

impl Vcpu {
    /// Counts an exit. Counters wrap instead of panicking.
    #[inline(always)]
    pub(crate) fn record(&self, slot: Slot, cycles: u64) {
        // SAFETY: All operands are words of `self`: a slot's index is below `SLOTS`, and the
        // highest of 32 bits is one of `KEPT` buckets. BSR of 0 leaves its destination unchanged,
        // here 0; the kernel's `fls()` relies on that, too.
        unsafe {
            asm!(
                "inc qword ptr [{vcpu} + 8*{slot} + {exits}]",
                "add qword ptr [{vcpu} + 8*{slot} + {all_cycles}], {cycles}",
                "cmp qword ptr [{vcpu} + 8*{slot} + {longest}], {cycles}",
                "jae 2f",
                "mov qword ptr [{vcpu} + 8*{slot} + {longest}], {cycles}",
                "2:",
                "shr {cycles}, {first_bucket}",
                "bsr {cycles:e}, {cycles:e}",
                "shl {slot:e}, {kept_bits}",
                "add {slot:e}, {cycles:e}",
                "inc qword ptr [{vcpu} + 8*{slot} + {histograms}]",
                vcpu = in(reg) self,
                exits = const offset_of!(Vcpu, exits),
                all_cycles = const offset_of!(Vcpu, cycles),
                longest = const offset_of!(Vcpu, longest),
                histograms = const offset_of!(Vcpu, histograms),
                first_bucket = const FIRST_BUCKET,
                kept_bits = const KEPT.ilog2(),
                slot = inout(reg) slot.index() => _,
                cycles = inout(reg) cycles => _,
                options(nostack),
            )
        }
    }

    /// Counts an exit that userspace finishes.
    #[inline(always)]
    pub(crate) fn record_user_exit(&self, slot: Slot, cycles: u64) {
        // SAFETY: As in `record()`.
        unsafe {
            asm!(
                "inc qword ptr [{vcpu} + 8*{slot} + {user_exits}]",
                vcpu = in(reg) self,
                user_exits = const offset_of!(Vcpu, user_exits),
                slot = in(reg) slot.index(),
                options(nostack),
            )
        }
        self.record(slot, cycles);
    }

    /// Counts the time, or a part of it, that userspace took to finish an exit and KVM to complete
    /// it.
    #[inline(always)]
    pub(crate) fn record_user_time(&self, slot: Slot, user_cycles: u64, cycles: u64) {
        // SAFETY: As in `record()`.
        unsafe {
            asm!(
                "add qword ptr [{vcpu} + 8*{slot} + {all_user_cycles}], {user_cycles}",
                "add qword ptr [{vcpu} + 8*{slot} + {all_cycles}], {cycles}",
                vcpu = in(reg) self,
                all_user_cycles = const offset_of!(Vcpu, user_cycles),
                all_cycles = const offset_of!(Vcpu, cycles),
                slot = in(reg) slot.index(),
                user_cycles = in(reg) user_cycles,
                cycles = in(reg) cycles,
                options(nostack),
            )
        }
    }

    /// Counts an exit of a nested guest, in addition to [`Self::record`].
    pub(crate) fn record_nested(&self, slot: Slot, reflected: bool) {
        self.nested.add(slot, 1);
        if reflected {
            self.reflected.add(slot, 1);
        }
    }

    /// Returns how many exits of `slot` came from a nested guest, and how many of these were
    /// reflected to its hypervisor.
    pub(crate) fn nested(&self, slot: Slot) -> NestedTail {
        // The order matters: reflected exits must never exceed nested ones.
        let reflected = self.reflected.get(slot);
        NestedTail {
            nested: self.nested.get(slot),
            reflected,
        }
    }

    /// Returns the exits counted in `slot`.
    pub(crate) fn total(&self, slot: Slot) -> Tally {
        // The order matters, see `Column`.
        let exits = self.exits.get(slot);
        let cycles = self.cycles.get(slot);
        Tally { exits, cycles }
    }

    /// Returns all exits.
    pub(crate) fn grand_total(&self) -> Tally {
        let exits = self.exits.sum();
        let cycles = self.cycles.sum();
        Tally { exits, cycles }
    }

    /// Returns the counters of `slot`, without the reason and the histogram.
    pub(crate) fn head(&self, slot: Slot) -> RowHead {
        let Tally { exits, cycles } = self.total(slot);
        RowHead {
            exits,
            cycles,
            max: self.longest.get(slot),
            user_exits: self.user_exits.get(slot),
            user_cycles: self.user_cycles.get(slot),
            ..RowHead::default()
        }
    }

    /// Returns whether the vCPU took such an exit.
    pub(crate) fn is_taken(&self, slot: Slot) -> bool {
        self.exits.get(slot) != 0
    }

    /// Returns the words of a histogram, each with its bucket in the snapshot.
    fn buckets(&self, slot: Slot) -> impl Iterator<Item = (usize, &UnsafeCell<u64>)> {
        let words = self.histograms.get(slot.index()).into_iter().flatten();
        (FIRST_BUCKET..).zip(words)
    }

    /// Returns the histogram of `slot`.
    pub(crate) fn histogram(&self, slot: Slot) -> [u64; BUCKETS] {
        let mut histogram = [0; BUCKETS];
        for (bucket, word) in self.buckets(slot) {
            if let Some(exits) = histogram.get_mut(bucket) {
                // SAFETY: The word is valid and aligned. Volatile, like `READ_ONCE()`.
                *exits = unsafe { word.get().read_volatile() };
            }
        }
        histogram
    }

    /// Adds the counters to the retired sums before the memory is freed. Never runs concurrently
    /// with itself.
    pub(crate) fn retire(&self) {
        for slot in Slot::all() {
            self.add_to(&RETIRED, slot);
        }
    }

    fn add_to(&self, sum: &Self, slot: Slot) {
        for (from, to) in [
            (&self.exits, &sum.exits),
            (&self.cycles, &sum.cycles),
            (&self.user_exits, &sum.user_exits),
            (&self.user_cycles, &sum.user_cycles),
            (&self.nested, &sum.nested),
            (&self.reflected, &sum.reflected),
        ] {
            to.add(slot, from.get(slot));
        }
        sum.longest.raise(slot, self.longest.get(slot));
        for ((_, from), (_, to)) in self.buckets(slot).zip(sum.buckets(slot)) {
            // SAFETY: The words are valid and aligned, and nobody else writes to `sum`.
            unsafe {
                let exits = from.get().read_volatile();
                let all = to.get().read_volatile();
                to.get().write_volatile(all.wrapping_add(exits));
            }
        }
    }

    /// Returns the VM, the vCPU in it, and the process that runs it.
    pub(crate) fn who(&self) -> VcpuHead {
        let who = self.who.get();
        // SAFETY: The shim set these before anybody saw `self`, and does not change them.
        unsafe {
            VcpuHead {
                vm: (*who).vm_id,
                vcpu: (*who).vcpu_id,
                pid: (*who).tgid,
                process: (*who).comm,
            }
        }
    }

    /// Returns the shim's part, valid as long as `self`.
    #[inline(always)]
    pub(crate) fn shims_part(&self) -> *mut ffi::kvm_exit_vcpu {
        self.who.get()
    }

    /// Only for the vCPU's own thread.
    #[inline(always)]
    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }
}

/// Returns the sums over retired vCPUs.
pub(crate) fn retired() -> &'static Vcpu {
    &RETIRED
}

#[cfg(exitstat_kunit)]
#[kernel::prelude::kunit_tests(exitstat_vcpu)]
pub(crate) mod tests {
    use super::*;
    use crate::reason::END;
    use kernel::prelude::*;

    // SAFETY: All zeros is a valid value, with which the shim also creates them.
    unsafe impl Zeroable for Vcpu {}

    /// Returns a vCPU as the shim creates them. It is allocated on the heap directly, because it is
    /// larger than a stack.
    pub(crate) fn some_vcpu() -> Result<KVBox<Vcpu>> {
        let mut vcpu = KVBox::init(pin_init::init_zeroed::<Vcpu>(), GFP_KERNEL)?;
        *vcpu.who.get_mut() = ffi::kvm_exit_vcpu {
            vm_id: 0x1_0000_0003,
            vcpu_id: 2,
            tgid: 77,
            comm: *b"qemu-system-x86\0",
            detail: null(),
            table: null_mut(),
            table_size: 0,
            period: 0,
        };
        Ok(vcpu)
    }

    const fn tally(exits: u64, cycles: u64) -> Tally {
        Tally { exits, cycles }
    }

    /// On the heap: they are too large for a stack.
    fn heads(vcpu: &Vcpu) -> Result<KVec<RowHead>> {
        let mut heads = KVec::new();
        for slot in Slot::all() {
            heads.push(vcpu.head(slot), GFP_KERNEL)?;
        }
        Ok(heads)
    }

    /// Returns the buckets of slot 10 that are not empty.
    fn taken(vcpu: &Vcpu) -> Result<KVec<(usize, u64)>> {
        let mut taken = KVec::new();
        for (bucket, exits) in vcpu.histogram(Slot::of(10)).into_iter().enumerate() {
            if exits != 0 {
                taken.push((bucket, exits), GFP_KERNEL)?;
            }
        }
        Ok(taken)
    }

    #[test]
    fn the_shims_part_comes_first_and_the_columns_follow() {
        assert_eq!(offset_of!(Vcpu, who), 0);
        assert_eq!(size_of::<ffi::kvm_exit_vcpu>(), 56);
        assert_eq!(offset_of!(Vcpu, cycles), 56 + 87 * 8);
        assert_eq!(size_of::<Vcpu>(), 56 + 87 * 8 * (7 + 32) + 16);
    }

    #[test]
    fn an_exit_is_recorded_in_its_slot_only() -> Result {
        for number in 0..=END {
            let vcpu = some_vcpu()?;
            vcpu.record(Slot::of(number), 1 << 40);
            vcpu.record(Slot::of(number), 2);
            for other in 0..=END {
                let hit = other == number;
                let exits = if hit { 2 } else { 0 };
                let cycles = if hit { (1 << 40) + 2 } else { 0 };
                let slot = Slot::of(other);
                assert_eq!(vcpu.total(slot), tally(exits, cycles));
                assert_eq!(vcpu.head(slot).max, if hit { 1 << 40 } else { 0 });
                assert_eq!(vcpu.histogram(slot).iter().sum::<u64>(), exits);
                assert_eq!(vcpu.head(slot).user_exits, 0);
                assert_eq!(vcpu.head(slot).user_cycles, 0);
            }
            assert_eq!(vcpu.grand_total(), tally(2, (1 << 40) + 2));
        }
        Ok(())
    }

    #[test]
    fn the_bucket_is_the_highest_bit() -> Result {
        let slot = Slot::of(10);
        for bucket in FIRST_BUCKET..FIRST_BUCKET + KEPT {
            let vcpu = some_vcpu()?;
            let least = 1u64 << bucket;
            vcpu.record(slot, least);
            vcpu.record(slot, least + (least - 1));
            assert!(*taken(&vcpu)? == [(bucket, 2)]);
        }
        Ok(())
    }

    #[test]
    fn the_first_bucket_has_all_that_are_shorter() -> Result {
        let vcpu = some_vcpu()?;
        for cycles in [0, 1, 2, 63, 64, (1 << (FIRST_BUCKET + 1)) - 1] {
            vcpu.record(Slot::of(10), cycles);
        }
        assert!(*taken(&vcpu)? == [(FIRST_BUCKET, 6)]);
        Ok(())
    }

    /// No exit takes that long: a minute and a half at 3 GHz, all of it on the CPU.
    #[test]
    fn what_is_beyond_the_last_bucket_is_in_one_of_the_reason() -> Result {
        let vcpu = some_vcpu()?;
        vcpu.record(Slot::of(10), 1 << (FIRST_BUCKET + KEPT));
        vcpu.record(Slot::of(10), u64::MAX);
        assert!(*taken(&vcpu)? == [(FIRST_BUCKET, 1), (FIRST_BUCKET + KEPT - 1, 1)]);
        Ok(())
    }

    #[test]
    fn the_longest_stays() -> Result {
        let vcpu = some_vcpu()?;
        for (cycles, longest) in [(5, 5), (4, 5), (5, 5), (6, 6), (0, 6), (1 << 63, 1 << 63)] {
            vcpu.record(Slot::of(END), cycles);
            assert_eq!(vcpu.head(Slot::of(END)).max, longest);
        }
        Ok(())
    }

    #[test]
    fn the_histogram_has_all_exits() -> Result {
        let vcpu = some_vcpu()?;
        let slot = Slot::of(48);
        let mut cycles = 0x1234_5678_9abc_def1u64;
        for _ in 0..1000 {
            cycles = cycles.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            vcpu.record(slot, cycles >> (cycles & 63));
        }
        assert_eq!(vcpu.histogram(slot).iter().sum::<u64>(), 1000);
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
    fn userspace_is_counted_apart_and_completion_is_handling() -> Result {
        let vcpu = some_vcpu()?;
        let (pio, beyond) = (Slot::of(30), Slot::of(END));
        vcpu.record(pio, 5);
        vcpu.record_user_exit(pio, 20);
        vcpu.record_user_time(pio, 900, 8);
        vcpu.record_user_exit(beyond, 3);
        vcpu.record_user_time(beyond, 60, 1);
        vcpu.record_user_time(beyond, 40, 2);
        assert_eq!(vcpu.total(pio), tally(2, 33));
        assert_eq!(vcpu.total(beyond), tally(1, 6));
        assert_eq!(vcpu.grand_total(), tally(3, 39));
        let user = |slot| (vcpu.head(slot).user_exits, vcpu.head(slot).user_cycles);
        assert!(user(pio) == (1, 900) && user(beyond) == (1, 100));
        assert_eq!(vcpu.head(pio).max, 20);
        Ok(())
    }

    #[test]
    fn a_retired_vcpu_is_in_the_retired_sums_once() -> Result {
        let before = heads(retired())?;
        let histogram = retired().histogram(Slot::of(10));
        for _ in 0..2 {
            let vcpu = some_vcpu()?;
            for number in 0..=END {
                vcpu.record_user_exit(Slot::of(number), 1000 + u64::from(number));
                vcpu.record_user_time(Slot::of(number), 1 << 50, 1);
            }
            vcpu.retire();
        }
        for (number, (now, &before)) in (1000..).zip(heads(retired())?.into_iter().zip(&before)) {
            let expected = RowHead {
                exits: before.exits + 2,
                cycles: before.cycles + 2 * (number + 1),
                max: before.max.max(number),
                user_exits: before.user_exits + 2,
                user_cycles: before.user_cycles + (2 << 50),
                ..before
            };
            assert!(now == expected);
        }
        let now = retired().histogram(Slot::of(10));
        assert_eq!(now.get(9), histogram.get(9).map(|n| n + 2).as_ref());
        Ok(())
    }

    #[test]
    fn a_nested_guests_exits_are_counted_apart_as_well() -> Result {
        let vcpu = some_vcpu()?;
        let (cpuid, beyond) = (Slot::of(10), Slot::of(END));
        for (slot, reflected) in [
            (cpuid, true),
            (cpuid, false),
            (cpuid, true),
            (beyond, false),
        ] {
            vcpu.record(slot, 1);
            vcpu.record_nested(slot, reflected);
        }
        vcpu.record(cpuid, 1);
        let nested = |nested, reflected| NestedTail { nested, reflected };
        assert!(vcpu.nested(cpuid) == nested(3, 2));
        assert!(vcpu.nested(beyond) == nested(1, 0));
        assert!(vcpu.nested(Slot::of(11)) == nested(0, 0));
        assert_eq!(vcpu.total(cpuid), tally(4, 4));
        Ok(())
    }

    #[test]
    fn who_is_what_the_shim_set() -> Result {
        let vcpu = some_vcpu()?;
        vcpu.record(Slot::of(0), 1);
        let expected = VcpuHead {
            vm: 0x1_0000_0003,
            vcpu: 2,
            pid: 77,
            process: *b"qemu-system-x86\0",
        };
        assert!(vcpu.who() == expected);
        Ok(())
    }
}
