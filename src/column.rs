// SPDX-License-Identifier: GPL-2.0

//! Counters of one kind: a word per reason, with one writer at a time and any number of readers.

use super::reason::{
    Slot,
    SLOTS, //
};
use core::{
    arch::asm,
    cell::UnsafeCell, //
};

/// Counters of all reasons. All zeros is a valid value, and the initial one.
///
/// A column is written by single instructions, here and where a whole exit is recorded, in `cpu`
/// and `vcpu`. They need no lock prefix because there is only one writer. A reader sees each
/// counter whole. The writer adds an exit before its cycles, and a reader reads in the same order;
/// x86 preserves both orders. So the cycles that a reader sees miss at most those of the last exit
/// that it sees, and may include those of later exits. `rust/model` tries every order.
#[repr(transparent)]
pub(crate) struct Column([UnsafeCell<u64>; SLOTS]);

// SAFETY: All access is by single instructions on aligned 64-bit words, which x86 makes atomic with
// respect to readers on other CPUs. Soundness does not depend on there being one writer at a time;
// only exact counts do.
unsafe impl Sync for Column {}

impl Column {
    /// Creates a column of zeros.
    pub(crate) const fn new() -> Self {
        Self([const { UnsafeCell::new(0) }; SLOTS])
    }

    /// Adds to a counter. Counters wrap instead of panicking.
    #[inline(always)]
    pub(crate) fn add(&self, slot: Slot, more: u64) {
        // SAFETY: A slot's index is below `SLOTS`, so the word is in the column.
        unsafe {
            asm!(
                "add qword ptr [{column} + 8*{slot}], {more}",
                column = in(reg) self,
                slot = in(reg) slot.index(),
                more = in(reg) more,
                options(nostack),
            )
        }
    }

    /// Raises a counter to `least` if it is lower. The caller must be the only writer.
    pub(crate) fn raise(&self, slot: Slot, least: u64) {
        if let Some(word) = self.0.get(slot.index()) {
            let highest = self.get(slot).max(least);
            // SAFETY: The word is valid and aligned. Volatile, like `WRITE_ONCE()`.
            unsafe { word.get().write_volatile(highest) };
        }
    }

    /// Returns a counter.
    #[inline(always)]
    pub(crate) fn get(&self, slot: Slot) -> u64 {
        self.0.get(slot.index()).map_or(0, read)
    }

    /// Returns the sum of all counters. One instruction per counter, because guests wait for the
    /// answer.
    #[inline(always)]
    pub(crate) fn sum(&self) -> u64 {
        let sum: u64;
        // SAFETY: The code reads only words of the column, each once and whole.
        unsafe {
            asm!(
                "xor {sum:e}, {sum:e}",
                ".set .Lexitstat_word, 0",
                ".rept {slots}",
                "add {sum}, qword ptr [{column} + .Lexitstat_word]",
                ".set .Lexitstat_word, .Lexitstat_word + 8",
                ".endr",
                column = in(reg) self,
                slots = const SLOTS,
                sum = out(reg) sum,
                options(nostack, readonly),
            )
        }
        sum
    }
}

#[inline(always)]
fn read(word: &UnsafeCell<u64>) -> u64 {
    // SAFETY: The word is valid and aligned. Volatile, like `READ_ONCE()`: it is read once and
    // whole.
    unsafe { word.get().read_volatile() }
}

#[cfg(exitstat_kunit)]
#[kernel::prelude::kunit_tests(exitstat_column)]
mod tests {
    use super::*;
    use crate::reason::END;

    #[test]
    fn a_column_is_a_word_of_zero_for_each_slot() {
        let column = Column::new();
        assert_eq!(core::mem::size_of::<Column>(), 8 * SLOTS);
        assert_eq!(core::mem::align_of::<Column>(), 8);
        for number in 0..=END {
            assert_eq!(column.get(Slot::of(number)), 0);
        }
        assert_eq!(column.sum(), 0);
    }

    #[test]
    fn each_slot_has_its_own_counter() {
        let column = Column::new();
        for number in 0..=END {
            column.add(Slot::of(number), 1 << 40);
            column.add(Slot::of(number), number.into());
        }
        for number in 0..=END {
            assert_eq!(column.get(Slot::of(number)), (1 << 40) + u64::from(number));
        }
        let numbers = u64::from(END * (END + 1) / 2);
        assert_eq!(column.sum(), (u64::from(END + 1) << 40) + numbers);
    }

    /// A panic would end the suite.
    #[test]
    fn a_counter_wraps_alone() {
        let column = Column::new();
        let (slot, next) = (Slot::of(10), Slot::of(11));
        column.add(slot, u64::MAX);
        column.add(slot, 3);
        assert_eq!((column.get(slot), column.get(next)), (2, 0));
        column.add(next, u64::MAX);
        assert_eq!(column.sum(), 1);
    }

    #[test]
    fn a_counter_is_raised_and_never_lowered() {
        let column = Column::new();
        let slot = Slot::of(END);
        for (least, expected) in [(5, 5), (4, 5), (6, 6), (0, 6), (u64::MAX, u64::MAX)] {
            column.raise(slot, least);
            assert_eq!(column.get(slot), expected);
        }
    }
}
