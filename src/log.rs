// SPDX-License-Identifier: GPL-2.0

//! Messages in the kernel's log: the table of counts, and answers to guests.
//!
//! They are printed at most once a second by a work item, or for a write to debugfs, but never on
//! the exit path and never while a guest waits.

use super::{
    cpu,
    ffi,
    leaf::Answer,
    reason::{
        self,
        Slot, //
    },
    tally::Tally, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

/// A work item that prints once a second while a parameter asks for it. Stops when dropped.
pub(crate) struct Ticker(());

impl Ticker {
    /// Starts the work item. Setting a parameter later wakes it up.
    pub(crate) fn start() -> Self {
        // SAFETY: `tick()` exists until `drop()`, like the module.
        unsafe { ffi::exitstat_ticker_start(Some(tick)) };
        Self(())
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        // SAFETY: `start()` started it.
        unsafe { ffi::exitstat_ticker_stop() }
    }
}

/// Number of exits when the table was last printed.
static PRINTED_AT: Atomic<u64> = Atomic::new(0);

/// A work item, which never runs concurrently with itself.
extern "C" fn tick() {
    let every = ffi::log_every();
    let exits = cpu::grand_total().exits;
    // False if `every` is 0.
    if exits.checked_div(every) > PRINTED_AT.load(Relaxed).checked_div(every) {
        PRINTED_AT.store(exits, Relaxed);
        print_table();
    }
    print_answers();
}

/// Prints a line for each reason that was taken: number, SDM name, exits.
pub(crate) fn print_table() {
    for r in &reason::REASONS {
        let exits = cpu::total(Slot::of(r.number)).exits;
        if exits != 0 {
            pr_info!("reason {} {}: {} exits\n", r.number, r.sdm, exits);
        }
    }
    let undefined: Tally = reason::undefined_slots().map(cpu::total).sum();
    if undefined.exits != 0 {
        pr_info!(
            "reasons that the SDM does not define: {} exits\n",
            undefined.exits
        );
    }
    pr_info!("all reasons: {} exits\n", cpu::grand_total().exits);
}

/// Maximum number of answers printed per second. Further ones are only counted.
const LINES: usize = 64;

/// An answer that was given. Split into words, because nothing larger is atomic.
struct Line {
    asked: Atomic<u64>,
    process: Atomic<u64>,
    eax_ebx: Atomic<u64>,
    ecx_edx: Atomic<u64>,
}

/// The answers of one second.
struct Page {
    /// Number of answers given. Each has the line of its number, if such a line exists.
    answers: Atomic<u64>,
    lines: [Line; LINES],
}

impl Page {
    const fn new() -> Self {
        Self {
            answers: Atomic::new(0),
            lines: [const {
                Line {
                    asked: Atomic::new(0),
                    process: Atomic::new(0),
                    eax_ebx: Atomic::new(0),
                    ecx_edx: Atomic::new(0),
                }
            }; LINES],
        }
    }
}

/// One page is written while the other is printed.
static PAGES: [Page; 2] = [Page::new(), Page::new()];
static WRITTEN: Atomic<u64> = Atomic::new(0);

fn page(number: u64) -> &'static Page {
    let [even, odd] = &PAGES;
    if number % 2 == 0 {
        even
    } else {
        odd
    }
}

fn both(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// Queues an answer for the log. The caller has preemption disabled.
pub(crate) fn answered(eax: u32, ecx: u32, answer: &Answer) {
    let page = page(WRITTEN.load(Relaxed));
    let number = page.answers.fetch_add(1, Relaxed);
    if let Some(line) = page.lines.get(number as usize) {
        line.asked.store(both(eax, ecx), Relaxed);
        line.process.store(ffi::current_process().into(), Relaxed);
        line.eax_ebx.store(both(answer.eax, answer.ebx), Relaxed);
        line.ecx_edx.store(both(answer.ecx, answer.edx), Relaxed);
    }
}

fn print_answers() {
    let number = WRITTEN.load(Relaxed);
    let page = page(number);
    if page.answers.load(Relaxed) == 0 {
        return;
    }
    WRITTEN.store(number.wrapping_add(1), Relaxed);
    // A writer of the previous page keeps preemption disabled until it is done with it.
    ffi::synchronize_rcu();

    let answers = page.answers.load(Relaxed);
    for line in page.lines.iter().take(answers as usize) {
        let (asked, process) = (line.asked.load(Relaxed), line.process.load(Relaxed));
        let (eax_ebx, ecx_edx) = (line.eax_ebx.load(Relaxed), line.ecx_edx.load(Relaxed));
        pr_info!(
            "process {}: cpuid eax={:#010x} ecx={:#010x}: eax={:#010x} ebx={:#010x} ecx={:#010x} edx={:#010x}\n",
            process,
            asked >> 32,
            asked as u32,
            eax_ebx >> 32,
            eax_ebx as u32,
            ecx_edx >> 32,
            ecx_edx as u32
        );
    }
    if let Some(more) = answers.checked_sub(LINES as u64).filter(|&more| more != 0) {
        pr_info!("{} more answers in the same second\n", more);
    }
    // The next writer finds this page only after `WRITTEN` is its number again.
    page.answers.store(0, Relaxed);
}

#[cfg(exitstat_kunit)]
#[kernel::prelude::kunit_tests(exitstat_log)]
mod tests {
    use super::*;

    #[test]
    fn answers_beyond_the_lines_are_counted() {
        let answer = Answer {
            eax: 1,
            ebx: 2,
            ecx: 3,
            edx: 4,
        };
        let before = WRITTEN.load(Relaxed);
        for ecx in 0..100 {
            answered(0x4fff_fffd, ecx, &answer);
        }
        let page = page(before);
        assert_eq!(page.answers.load(Relaxed), 100);
        let last = page.lines.last().map(|line| line.asked.load(Relaxed));
        assert_eq!(last, Some(0x4fff_fffd_0000_003f));
        let first = page.lines.first().map(|line| line.ecx_edx.load(Relaxed));
        assert_eq!(first, Some(0x0000_0003_0000_0004));

        print_answers();
        assert_eq!(page.answers.load(Relaxed), 0);
        assert_eq!(WRITTEN.load(Relaxed), before + 1);
        // Nothing to print: the page stays in use.
        print_answers();
        assert_eq!(WRITTEN.load(Relaxed), before + 1);
    }
}
