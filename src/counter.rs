// SPDX-License-Identifier: GPL-2.0

//! Pairs of counters with one writer at a time and any number of readers.

use super::tally::Tally;
use core::{
    arch::asm,
    cell::UnsafeCell, //
};

/// Exits and cycles, written by one context at a time and read by any.
///
/// Each counter is written by one instruction and read by another, so a reader sees a value that
/// was there. It reads exits first, and x86 keeps that order and the writer's: the cycles that it
/// sees lack at most those of the last of the exits, and may have those of exits that came while it
/// read. The instructions have no lock prefix, which is for writers on several CPUs. `rust/model`
/// tries all this in every order.
#[repr(C)]
pub(crate) struct Pair {
    exits: UnsafeCell<u64>,
    cycles: UnsafeCell<u64>,
}

// SAFETY: All access is by the methods below: single instructions on aligned 64-bit words, which
// x86 makes atomic with respect to readers on other CPUs. That there is one writer at a time is
// not needed for soundness, only for exact counts.
unsafe impl Sync for Pair {}

impl Pair {
    /// A pair of zeros.
    pub(crate) const fn new() -> Self {
        Self {
            exits: UnsafeCell::new(0),
            cycles: UnsafeCell::new(0),
        }
    }

    /// Adds one exit and its cycles. They wrap, and do not panic.
    #[inline(always)]
    pub(crate) fn add_one(&self, cycles: u64) {
        self.add_exit();
        self.add_cycles(cycles);
    }

    /// Adds one exit, whose cycles come later.
    #[inline(always)]
    pub(crate) fn add_exit(&self) {
        // SAFETY: `self` is two valid, aligned words.
        unsafe { asm!("inc qword ptr [{pair}]", pair = in(reg) self, options(nostack)) }
    }

    /// Adds cycles.
    #[inline(always)]
    pub(crate) fn add_cycles(&self, cycles: u64) {
        // SAFETY: As above.
        unsafe {
            asm!(
                "add qword ptr [{pair} + 8], {cycles}",
                pair = in(reg) self,
                cycles = in(reg) cycles,
                options(nostack),
            )
        }
    }

    /// Adds a tally. Never on the exit path.
    pub(crate) fn add(&self, tally: Tally) {
        // SAFETY: As above.
        unsafe {
            asm!(
                "add qword ptr [{pair}], {exits}",
                "add qword ptr [{pair} + 8], {cycles}",
                pair = in(reg) self,
                exits = in(reg) tally.exits,
                cycles = in(reg) tally.cycles,
                options(nostack),
            )
        }
    }

    /// Both counters.
    pub(crate) fn get(&self) -> Tally {
        // SAFETY: Valid, aligned words. Volatile, as `READ_ONCE()`: each is read once and whole.
        unsafe {
            Tally {
                exits: self.exits.get().read_volatile(),
                cycles: self.cycles.get().read_volatile(),
            }
        }
    }
}

#[cfg(exitstat_kunit)]
#[kernel::prelude::kunit_tests(exitstat_counter)]
mod tests {
    use super::*;

    const fn tally(exits: u64, cycles: u64) -> Tally {
        Tally { exits, cycles }
    }

    #[test]
    fn a_pair_is_two_words_of_zeros_at_first() {
        assert_eq!(core::mem::size_of::<Pair>(), 16);
        assert_eq!(core::mem::align_of::<Pair>(), 8);
        assert_eq!(Pair::new().get(), tally(0, 0));
    }

    #[test]
    fn add_one_adds_an_exit_and_its_cycles() {
        let pair = Pair::new();
        pair.add_one(7);
        assert_eq!(pair.get(), tally(1, 7));
        pair.add_one(0);
        assert_eq!(pair.get(), tally(2, 7));
        pair.add_one(1 << 40);
        assert_eq!(pair.get(), tally(3, (1 << 40) + 7));
    }

    #[test]
    fn add_adds_both_columns() {
        let pair = Pair::new();
        pair.add(tally(5, 1 << 33));
        assert_eq!(pair.get(), tally(5, 1 << 33));
        pair.add(tally(1 << 34, 6));
        assert_eq!(pair.get(), tally((1 << 34) + 5, (1 << 33) + 6));
        pair.add(tally(0, 0));
        assert_eq!(pair.get(), tally((1 << 34) + 5, (1 << 33) + 6));
    }

    /// A panic would end the suite.
    #[test]
    fn each_counter_wraps_by_itself() {
        let pair = Pair::new();
        pair.add(tally(u64::MAX, u64::MAX));
        pair.add_one(3);
        assert_eq!(pair.get(), tally(0, 2));
        pair.add(tally(u64::MAX, u64::MAX));
        assert_eq!(pair.get(), tally(u64::MAX, 1));
        pair.add(tally(1, u64::MAX));
        assert_eq!(pair.get(), tally(0, 0));
    }
}
