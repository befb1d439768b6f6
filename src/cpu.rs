// SPDX-License-Identifier: GPL-2.0

//! Exits of the whole host by reason, kept per CPU.
//!
//! There is no slot for the grand total: a reader sums the reasons, and all CPUs that may exist,
//! so that a CPU taken offline loses nothing.

use super::{
    counter::Pair,
    ffi,
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

fn tables() -> impl Iterator<Item = &'static [Pair; SLOTS]> {
    // SAFETY: It reads a constant.
    let limit = unsafe { ffi::exitstat_cpu_limit() };
    (0..limit).filter_map(|cpu| {
        // SAFETY: Any number may be asked for.
        let table = unsafe { ffi::exitstat_cpu_table_of(cpu) };
        // SAFETY: NULL, or memory of the size of the array (asserted above) that lives as long as
        // the module, zeroed at its load, and only ever accessed as counters.
        unsafe { table.cast::<[Pair; SLOTS]>().as_ref() }
    })
}
