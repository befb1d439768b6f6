// SPDX-License-Identifier: GPL-2.0

//! Exits of the whole host by reason, kept per CPU.
//!
//! There is no slot for the grand total. Readers sum the reasons over all possible CPUs, so a CPU
//! taken offline loses nothing.

use super::{
    column::Column,
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
    mem::{
        offset_of,
        size_of, //
    }, //
};

/// The counters of one CPU.
#[repr(C)]
pub(crate) struct Table {
    exits: Column,
    cycles: Column,
}

// `struct exitstat_cpu_table` has this layout.
const _: () = assert!(ffi::EXITSTAT_SLOTS as usize == SLOTS);
const _: () = assert!(size_of::<ffi::exitstat_cpu_table>() == size_of::<Table>());
const _: () = assert!(size_of::<Table>() <= footprint::CPU);

/// Counts an exit on this CPU.
///
/// Each of the two instructions completes on one CPU. If the caller moves to another CPU between
/// them, the sums over CPUs are still right. They need no lock prefix, because no other CPU writes
/// here.
#[inline(always)]
pub(crate) fn record(slot: Slot, cycles: u64) {
    // SAFETY: A slot's index is below `SLOTS`, so both words are inside this CPU's table, which is
    // at the symbol's value relative to %gs.
    unsafe {
        asm!(
            "inc qword ptr gs:[{table} + 8*{slot} + {of_exits}]",
            "add qword ptr gs:[{table} + 8*{slot} + {of_cycles}], {cycles}",
            table = sym ffi::exitstat_cpu_table,
            of_exits = const offset_of!(Table, exits),
            of_cycles = const offset_of!(Table, cycles),
            slot = in(reg) slot.index(),
            cycles = in(reg) cycles,
            options(nostack),
        )
    }
}

/// Adds cycles to an exit that has been counted, possibly on another CPU.
#[inline(always)]
pub(crate) fn record_more(slot: Slot, cycles: u64) {
    // SAFETY: As above.
    unsafe {
        asm!(
            "add qword ptr gs:[{table} + 8*{slot} + {of_cycles}], {cycles}",
            table = sym ffi::exitstat_cpu_table,
            of_cycles = const offset_of!(Table, cycles),
            slot = in(reg) slot.index(),
            cycles = in(reg) cycles,
            options(nostack),
        )
    }
}

impl Table {
    /// Returns the exits counted in `slot`.
    fn total(&self, slot: Slot) -> Tally {
        // The order matters, see `Column`.
        let exits = self.exits.get(slot);
        let cycles = self.cycles.get(slot);
        Tally { exits, cycles }
    }

    /// Returns the exits of all reasons.
    fn grand_total(&self) -> Tally {
        let exits = self.exits.sum();
        let cycles = self.cycles.sum();
        Tally { exits, cycles }
    }
}

/// Returns the host's exits counted in `slot`.
pub(crate) fn total(slot: Slot) -> Tally {
    tables().map(|table| table.total(slot)).sum()
}

/// Returns the host's exits of all reasons.
pub(crate) fn grand_total() -> Tally {
    tables().map(Table::grand_total).sum()
}

/// Returns the exits of a CPU by slot, or nothing if the CPU is not possible.
pub(crate) fn tallies(cpu: u32) -> impl Iterator<Item = Tally> {
    let slots = table_of(cpu).map(|table| Slot::all().map(|slot| table.total(slot)));
    slots.into_iter().flatten()
}

/// Returns the numbers of the possible CPUs.
pub(crate) fn possible() -> impl Iterator<Item = u32> {
    numbers().filter(|&cpu| table_of(cpu).is_some())
}

fn numbers() -> impl Iterator<Item = u32> {
    // SAFETY: The function reads a constant.
    0..unsafe { ffi::exitstat_cpu_limit() }
}

fn tables() -> impl Iterator<Item = &'static Table> {
    numbers().filter_map(table_of)
}

fn table_of(cpu: u32) -> Option<&'static Table> {
    // SAFETY: The function accepts any number.
    let table = unsafe { ffi::exitstat_cpu_table_of(cpu) };
    // SAFETY: The pointer is NULL, or points to memory of the size of the table (asserted above).
    // That memory lives as long as the module, is zeroed when the module is loaded, and is only
    // ever accessed as counters.
    unsafe { table.cast::<Table>().as_ref() }
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

    /// Returns the total of each slot. Nothing else records here: the test module observes nothing.
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
    fn more_cycles_are_no_more_exits() {
        let before = totals();
        record_more(Slot::of(30), 7);
        let expected = before.map(|tally| tally.exits);
        assert!(totals().map(|tally| tally.exits) == expected);
        let more = total(Slot::of(30)).cycles;
        assert!(before.get(30).is_some_and(|tally| more == tally.cycles + 7));
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

        let mut cpus = 0;
        let before = total(SLOT);
        for cpu in 0..=NR_CPUS {
            let Some(table) = table_of(cpu) else {
                continue;
            };
            let here = table.total(SLOT);
            // An int before Linux 7.3, a bool since.
            #[allow(clippy::useless_conversion)]
            let wait = true.into();
            // SAFETY: `record_here` can be called in any context and ignores its argument.
            let err = unsafe {
                bindings::smp_call_function_single(cpu as i32, Some(record_here), null_mut(), wait)
            };
            // CPUs that are offline have a table, too.
            if err == 0 {
                let one = Tally {
                    exits: 1,
                    cycles: 3,
                };
                assert!(table.total(SLOT) == here.plus(one));
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

    /// More CPUs than any kernel supports.
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
