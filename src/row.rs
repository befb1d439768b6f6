// SPDX-License-Identifier: GPL-2.0

//! What is kept of the exits of one vCPU with one reason.

use super::{
    counter::Pair,
    snapshot::{
        RowHead,
        BUCKETS, //
    },
    tally::Tally, //
};
use core::{
    arch::asm,
    cell::UnsafeCell,
    mem::offset_of, //
};

/// Counters with one writer at a time, the vCPU's thread, and any number of readers. All zeros are
/// a valid value: the initial one.
///
/// Each counter by itself is whole for a reader; see [`Pair`] for those of exits. The histogram and
/// the longest exit are written last: a reader that comes in between finds an exit less in them.
#[repr(C)]
pub(crate) struct Row {
    exits: Pair,
    /// Exits that user space had to finish, and the cycles from the return of `KVM_RUN` on.
    user: Pair,
    /// Cycles of the longest exit.
    max: UnsafeCell<u64>,
    /// Exits by the position of the highest bit of their cycles.
    histogram: UnsafeCell<[u64; BUCKETS]>,
}

// SAFETY: As of `Pair`: all access is by the methods below, single instructions on aligned 64-bit
// words.
unsafe impl Sync for Row {}

impl Row {
    /// A row of zeros.
    pub(crate) const fn new() -> Self {
        Self {
            exits: Pair::new(),
            user: Pair::new(),
            max: UnsafeCell::new(0),
            histogram: UnsafeCell::new([0; BUCKETS]),
        }
    }

    /// Counts an exit. Counters wrap, and do not panic.
    #[inline(always)]
    pub(crate) fn record(&self, cycles: u64) {
        self.exits.add_one(cycles);
        // SAFETY: All operands are words of `self`: the highest bit of a number that is not 0 is
        // one of 64.
        unsafe {
            asm!(
                "cmp [{row} + {max}], {cycles}",
                "jae 2f",
                "mov [{row} + {max}], {cycles}",
                "2:",
                "or {cycles}, 1",
                "bsr {cycles}, {cycles}",
                "inc qword ptr [{row} + 8 * {cycles} + {histogram}]",
                row = in(reg) self,
                max = const offset_of!(Row, max),
                histogram = const offset_of!(Row, histogram),
                cycles = inout(reg) cycles => _,
                options(nostack),
            )
        }
    }

    /// That user space finishes the exit just counted.
    #[inline(always)]
    pub(crate) fn record_user_exit(&self) {
        self.user.add_exit();
    }

    /// The time that user space took for one, or a part of it.
    #[inline(always)]
    pub(crate) fn record_user_time(&self, cycles: u64) {
        self.user.add_cycles(cycles);
    }

    /// The exits.
    #[inline(always)]
    pub(crate) fn exits(&self) -> Tally {
        self.exits.get()
    }

    /// The exits that user space finished.
    pub(crate) fn user(&self) -> Tally {
        self.user.get()
    }

    /// Whether there was such an exit; most reasons are never taken.
    pub(crate) fn is_taken(&self) -> bool {
        self.exits().exits != 0 || self.user() != Tally::default()
    }

    /// Cycles of the longest exit.
    pub(crate) fn max(&self) -> u64 {
        // SAFETY: A valid, aligned word. Volatile, as `READ_ONCE()`: read once and whole.
        unsafe { self.max.get().read_volatile() }
    }

    fn buckets(&self) -> impl Iterator<Item = *mut u64> {
        let first = self.histogram.get().cast::<u64>();
        // By address only: `wrapping_add()` has no conditions.
        (0..BUCKETS).map(move |bucket| first.wrapping_add(bucket))
    }

    /// How many exits took how long.
    pub(crate) fn histogram(&self) -> [u64; BUCKETS] {
        let mut histogram = [0; BUCKETS];
        for (to, from) in histogram.iter_mut().zip(self.buckets()) {
            // SAFETY: A word of the histogram. Volatile as above.
            *to = unsafe { from.read_volatile() };
        }
        histogram
    }

    /// All of it, but for what says which reason it is and the histogram.
    pub(crate) fn head(&self) -> RowHead {
        let (exits, user) = (self.exits(), self.user());
        RowHead {
            exits: exits.exits,
            cycles: exits.cycles,
            max: self.max(),
            user_exits: user.exits,
            user_cycles: user.cycles,
            ..RowHead::default()
        }
    }

    /// Adds what `other` has. For a writer that is alone; never on the exit path.
    pub(crate) fn add(&self, other: &Row) {
        self.exits.add(other.exits());
        self.user.add(other.user());
        let max = self.max().max(other.max());
        // SAFETY: A valid, aligned word, and there is no other writer.
        unsafe { self.max.get().write_volatile(max) };
        for (to, from) in self.buckets().zip(other.histogram()) {
            // SAFETY: As above, of the histogram.
            unsafe { to.write_volatile(to.read_volatile().wrapping_add(from)) };
        }
    }
}

#[cfg(exitstat_kunit)]
#[kernel::prelude::kunit_tests(exitstat_row)]
mod tests {
    use super::*;
    use kernel::prelude::*;

    const fn tally(exits: u64, cycles: u64) -> Tally {
        Tally { exits, cycles }
    }

    fn row() -> Result<KBox<Row>> {
        Ok(KBox::new(Row::new(), GFP_KERNEL)?)
    }

    /// The buckets that are not empty.
    fn taken(row: &Row) -> Result<KVec<(usize, u64)>> {
        let mut taken = KVec::new();
        for (bucket, exits) in row.histogram().into_iter().enumerate() {
            if exits != 0 {
                taken.push((bucket, exits), GFP_KERNEL)?;
            }
        }
        Ok(taken)
    }

    #[test]
    fn an_exit_is_counted_everywhere() -> Result {
        let row = row()?;
        assert!(!row.is_taken());
        row.record(1000);
        assert!(row.is_taken());
        assert_eq!(row.exits(), tally(1, 1000));
        assert_eq!(row.user(), tally(0, 0));
        assert_eq!(row.max(), 1000);
        assert!(*taken(&row)? == [(9, 1)]);
        Ok(())
    }

    #[test]
    fn the_bucket_is_the_highest_bit() -> Result {
        for bucket in 0..BUCKETS {
            let row = row()?;
            let least = 1u64 << bucket;
            row.record(least);
            row.record(least + (least - 1));
            assert!(*taken(&row)? == [(bucket, 2)]);
        }
        let row = row()?;
        row.record(0);
        assert!(*taken(&row)? == [(0, 1)]);
        Ok(())
    }

    #[test]
    fn the_longest_stays() -> Result {
        let row = row()?;
        for (cycles, longest) in [(5, 5), (4, 5), (5, 5), (6, 6), (0, 6), (1 << 63, 1 << 63)] {
            row.record(cycles);
            assert_eq!(row.max(), longest);
        }
        row.record(u64::MAX);
        row.record(u64::MAX - 1);
        assert_eq!(row.max(), u64::MAX);
        Ok(())
    }

    #[test]
    fn the_histogram_has_all_exits() -> Result {
        let row = row()?;
        let mut cycles = 0x1234_5678_9abc_def1u64;
        for _ in 0..1000 {
            cycles = cycles.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            row.record(cycles >> (cycles & 63));
        }
        assert_eq!(row.histogram().iter().sum::<u64>(), row.exits().exits);
        Ok(())
    }

    #[test]
    fn rows_are_added_in_full() -> Result {
        let (sum, one) = (row()?, row()?);
        sum.record(300);
        one.record(20);
        one.record(400);
        one.record_user_exit();
        one.record_user_time(7);
        sum.add(&one);
        assert_eq!(sum.exits(), tally(3, 720));
        assert_eq!(sum.user(), tally(1, 7));
        assert_eq!(sum.max(), 400);
        assert!(*taken(&sum)? == [(4, 1), (8, 2)]);
        sum.add(&*row()?);
        assert_eq!(sum.max(), 400);
        assert_eq!(sum.exits(), tally(3, 720));
        Ok(())
    }

    #[test]
    fn the_head_is_of_all_counters() -> Result {
        let row = row()?;
        row.record(3);
        row.record(9);
        row.record_user_exit();
        row.record_user_exit();
        row.record_user_time(60);
        row.record_user_time(10);
        let expected = RowHead {
            exits: 2,
            cycles: 12,
            max: 9,
            user_exits: 2,
            user_cycles: 70,
            ..RowHead::default()
        };
        assert!(row.head() == expected);
        Ok(())
    }
}
