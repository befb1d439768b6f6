// SPDX-License-Identifier: GPL-2.0

//! A word of memory whose accesses loom tries in every order.

use loom::sync::atomic::{
    AtomicU64,
    Ordering::{self, Acquire, Relaxed},
};

/// An atomic word.
pub struct Word(AtomicU64);

impl Word {
    /// Creates a word of zero.
    pub fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Loads the word, in a thread that never stores it.
    pub fn load(&self, order: Ordering) -> u64 {
        self.0.load(order)
    }

    /// Loads the word, relaxed, in a thread that also stores it.
    ///
    /// loom 0.7 remembers only the last access to an atomic variable. So a thread that loads and
    /// then stores a word hides from loom that another thread loaded it before, and loom never
    /// tries the order in which the store comes first. loom treats a read-modify-write that changes
    /// nothing as a conflict with that other load. It orders nothing, but sees the last value,
    /// which such a thread would see of its own stores anyway.
    pub fn load_own(&self) -> u64 {
        self.0.fetch_add(0, Relaxed)
    }

    /// Like [`Self::load_own`], but ordered before the thread's next loads, as x86 keeps the order
    /// of loads.
    pub fn load_own_first(&self) -> u64 {
        self.0.fetch_add(0, Acquire)
    }

    /// Stores a value.
    pub fn store(&self, value: u64, order: Ordering) {
        self.0.store(value, order);
    }
}
