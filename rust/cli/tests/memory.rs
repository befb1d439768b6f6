// SPDX-License-Identifier: GPL-2.0

//! Parsing allocates memory in proportion to the snapshot's size, with a small factor. The kernel has to
//! provide each page of it. Once the sample of a large host no longer fits into the process's memory, that
//! takes longer than parsing.

mod common;

use common::Host;
use exitstat_cli::model::Sample;
use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Counts the bytes from the system's allocator. This program must have no other test.
struct Counting;

static GIVEN: AtomicUsize = AtomicUsize::new(0);
static KEPT: AtomicUsize = AtomicUsize::new(0);

// SAFETY: The system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        GIVEN.fetch_add(layout.size(), Relaxed);
        KEPT.fetch_add(layout.size(), Relaxed);
        // SAFETY: As the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        KEPT.fetch_sub(layout.size(), Relaxed);
        // SAFETY: As the caller promised.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A snapshot of `count` CPUs and as many vCPUs, each with exits of 20 reasons in 11 buckets.
fn snapshot(count: u32) -> Vec<u8> {
    let mut host = Host::new(1);
    for number in 0..count {
        for reason in 0..20 {
            for bucket in 9..20 {
                host.exits((number, 1, number), reason, 1, 1 << bucket, 0);
            }
        }
    }
    host.snapshot(0)
}

/// Parses a snapshot. Returns the bytes allocated, including those freed meanwhile, and those that the sample
/// keeps.
fn parse(bytes: &[u8]) -> (usize, usize) {
    let (given, kept) = (GIVEN.load(Relaxed), KEPT.load(Relaxed));
    let sample = Sample::parse(bytes).unwrap();
    let taken = (GIVEN.load(Relaxed) - given, KEPT.load(Relaxed) - kept);
    drop(sample);
    taken
}

#[test]
fn parsing_takes_memory_in_proportion_to_the_snapshot() {
    for count in [8, 64, 512] {
        let bytes = snapshot(count);
        let (given, kept) = parse(&bytes);
        let per_byte = |taken: usize| taken as f64 / bytes.len() as f64;
        let (given, kept) = (per_byte(given), per_byte(kept));
        println!("{count} vCPUs: {given:.2} bytes allocated and {kept:.2} kept per byte");
        assert!(kept < 2.0 && given < 5.0, "{count} vCPUs: {given} {kept}");
    }
}
