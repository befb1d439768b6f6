// SPDX-License-Identifier: GPL-2.0

//! Exits of the whole host by reason, kept per CPU.
//!
//! There is no slot for the grand total: a reader sums the reasons, and all CPUs that may exist,
//! so that a CPU taken offline loses nothing.

use super::{
    counter::Pair,
    ffi,
    footprint,
    reason::{
        Slot,
        SLOTS, //
    },
    tally::Tally, //
};
use core::{
    arch::asm,
    mem::size_of, //
};

// `struct exitstat_cpu_table` is as large as the pairs that are addressed in it.
const _: () = assert!(ffi::EXITSTAT_SLOTS as usize == SLOTS);
const _: () = assert!(size_of::<ffi::exitstat_cpu_table>() == SLOTS * size_of::<Pair>());
const _: () = assert!(size_of::<ffi::exitstat_cpu_table>() <= footprint::CPU);

/// Counts an exit on this CPU.
///
/// Two instructions, each complete on one CPU: if the caller moves to another CPU in between, the
/// sums over CPUs are still right. They need no lock prefix, as no other CPU writes here.
#[inline(always)]
pub(crate) fn record(slot: Slot, cycles: u64) {
    let offset = slot.index() * size_of::<Pair>();
    // SAFETY: A slot's index is below `SLOTS`, so that the two words are inside this CPU's table,
    // which is at the symbol's value relative to %gs.
    unsafe {
        asm!(
            "inc qword ptr gs:[{table} + {offset}]",
            "add qword ptr gs:[{table} + {offset} + 8], {cycles}",
            table = sym ffi::exitstat_cpu_table,
            offset = in(reg) offset,
            cycles = in(reg) cycles,
            options(nostack),
        )
    }
}

/// The host's exits that were counted in `slot`.
pub(crate) fn total(slot: Slot) -> Tally {
    tables()
        .filter_map(|table| table.get(slot.index()))
        .map(Pair::get)
        .sum()
}

/// The host's exits of all reasons.
pub(crate) fn grand_total() -> Tally {
    tables().flatten().map(Pair::get).sum()
}

/// The exits of a CPU, by slot; of none, if there cannot be such a CPU.
pub(crate) fn tallies(cpu: u32) -> impl Iterator<Item = Tally> {
    table_of(cpu).into_iter().flatten().map(Pair::get)
}

/// The numbers of the CPUs that may exist.
pub(crate) fn possible() -> impl Iterator<Item = u32> {
    numbers().filter(|&cpu| table_of(cpu).is_some())
}

fn numbers() -> impl Iterator<Item = u32> {
    // SAFETY: It reads a constant.
    0..unsafe { ffi::exitstat_cpu_limit() }
}

fn tables() -> impl Iterator<Item = &'static [Pair; SLOTS]> {
    numbers().filter_map(table_of)
}

fn table_of(cpu: u32) -> Option<&'static [Pair; SLOTS]> {
    // SAFETY: Any number may be asked for.
    let table = unsafe { ffi::exitstat_cpu_table_of(cpu) };
    // SAFETY: NULL, or memory of the size of the array (asserted above) that lives as long as the
    // module, zeroed at its load, and only ever accessed as counters.
    unsafe { table.cast::<[Pair; SLOTS]>().as_ref() }
}

#[cfg(exitstat_kunit)]
#[kernel::prelude::kunit_tests(exitstat_cpu)]
mod tests {
    use super::*;
    use crate::reason::END;
    use core::{
        array::from_fn,
        ptr::null_mut, //
    };
    use kernel::{
        bindings,
        ffi::c_void, //
    };

    /// The total of each slot. Nothing else records here: the test module observes nothing.
    fn totals() -> [Tally; SLOTS] {
        from_fn(|index| total(Slot::of(index as u32)))
    }

    fn plus_one(mut totals: [Tally; SLOTS], index: u32, cycles: u64) -> [Tally; SLOTS] {
        for (_, tally) in (0..).zip(&mut totals).filter(|&(i, _)| i == index) {
            *tally = tally.plus(Tally { exits: 1, cycles });
        }
        totals
    }

    #[test]
    fn each_slot_is_recorded_in_its_own_place() {
        for number in 0..=END {
            let cycles = u64::from(number) + (1 << 40);
            let expected = plus_one(totals(), number, cycles);
            record(Slot::of(number), cycles);
            assert!(totals() == expected);
        }
    }

    #[test]
    fn numbers_from_86_up_are_recorded_in_the_undefined_slot() {
        for number in [END, END + 1, 0xff, 0xffff, 1 << 31, u32::MAX] {
            let expected = plus_one(totals(), END, 1);
            record(Slot::of(number), 1);
            assert!(totals() == expected);
        }
    }

    #[test]
    fn the_grand_total_is_the_sum_over_slots() {
        for number in [0, 10, 35, END] {
            record(Slot::of(number), 5);
        }
        let sum: Tally = totals().into_iter().sum();
        assert!(sum.exits >= 4 && sum.cycles >= 20);
        assert_eq!(grand_total(), sum);
    }

    #[test]
    fn counters_wrap() {
        let slot = Slot::of(20);
        let before = total(slot);
        record(slot, u64::MAX);
        record(slot, 1);
        let exits = before.exits + 2;
        assert!(total(slot) == Tally { exits, ..before });
    }

    #[test]
    fn each_cpu_records_in_its_table_and_all_are_summed() {
        const SLOT: Slot = Slot::of(30);

        extern "C" fn record_here(_: *mut c_void) {
            record(SLOT, 3);
        }

        let get = |cpu| table_of(cpu).and_then(|table| table.get(SLOT.index()));
        let mut cpus = 0;
        let before = total(SLOT);
        for cpu in 0..=NR_CPUS {
            let Some(pair) = get(cpu) else {
                continue;
            };
            let here = pair.get();
            // SAFETY: `record_here` can be called in any context, and does without the argument.
            let err = unsafe {
                bindings::smp_call_function_single(cpu as i32, Some(record_here), null_mut(), true)
            };
            // CPUs that are not online have a table as well.
            if err == 0 {
                let one = Tally {
                    exits: 1,
                    cycles: 3,
                };
                assert!(pair.get() == here.plus(one));
                cpus += 1;
            }
        }
        let all = Tally {
            exits: cpus,
            cycles: 3 * cpus,
        };
        assert!(cpus > 0);
        assert!(total(SLOT) == before.plus(all));
    }

    /// More than any kernel is built for.
    const NR_CPUS: u32 = 10_000;

    #[test]
    fn a_cpu_that_cannot_be_has_no_table() {
        assert!(table_of(0).is_some());
        for cpu in [NR_CPUS, i32::MAX as u32, 1 << 31, u32::MAX] {
            assert!(table_of(cpu).is_none());
        }
        assert!(tables().count() > 0);
    }

    #[test]
    fn the_c_side_has_as_many_slots() {
        assert_eq!(ffi::EXITSTAT_SLOTS as usize, SLOTS);
        assert_eq!(size_of::<ffi::exitstat_cpu_table>(), 87 * 16);
    }
}
