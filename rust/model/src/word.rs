// SPDX-License-Identifier: GPL-2.0

//! A word of memory whose accesses loom tries in every order.

use loom::sync::atomic::{
    AtomicU64,
    Ordering::{self, Acquire, Relaxed},
};

/// An atomic word.
pub struct Word(AtomicU64);

impl Word {
    /// A word of zero.
    pub fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Loads it, in a thread that never stores it.
    pub fn load(&self, order: Ordering) -> u64 {
        self.0.load(order)
    }

    /// Loads it, relaxed, in a thread that stores it as well.
    ///
    /// loom 0.7 remembers of an atomic variable only who accessed it last. So a thread that loads
    /// it and then stores hides from loom that another loaded it before, and the order in which the
    /// store comes first is never tried. A read-modify-write that changes nothing, loom takes for a
    /// conflict with that other load. It orders nothing, but sees the last value: what such a
    /// thread would anyway see of its own stores.
    pub fn load_own(&self) -> u64 {
        self.0.fetch_add(0, Relaxed)
    }

    /// The same, before what the thread loads next, as x86 keeps all loads.
    pub fn load_own_first(&self) -> u64 {
        self.0.fetch_add(0, Acquire)
    }

    /// Stores it.
    pub fn store(&self, value: u64, order: Ordering) {
        self.0.store(value, order);
    }
}
