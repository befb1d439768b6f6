// SPDX-License-Identifier: GPL-2.0

//! An entry of the table of details that changes owners while it is read, as in
//! `rust/core/src/detail.rs`, and the count of its reason, which includes it.

use loom::sync::atomic::{
    fence, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

/// A flaw in the entry's handling.
#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    /// The writer does not order the change of owner before the other writes.
    NoFence,
    /// The reader does not check the owner again.
    NoSecondLook,
}

/// Low half of the owner word of an entry with an owner.
const SOMEBODY: u64 = 1;

struct Entry {
    owner: AtomicU64,
    key: AtomicU64,
    exits: AtomicU64,
    flaw: Flaw,
}

impl Entry {
    fn new(key: u64, exits: u64, flaw: Flaw) -> Self {
        Self {
            owner: AtomicU64::new(SOMEBODY),
            key: AtomicU64::new(key),
            exits: AtomicU64::new(exits),
            flaw,
        }
    }

    /// Performs the first change of owners. The writer knows what it stored: see `word`.
    fn give_to(&self, key: u64, exits: u64) {
        let hands = 1 << 32;
        self.owner.store(hands, Relaxed);
        if self.flaw != Flaw::NoFence {
            fence(Release);
        }
        self.key.store(key, Relaxed);
        self.exits.store(exits, Relaxed);
        self.owner.store(hands | SOMEBODY, Release);
    }

    fn read(&self) -> Option<(u64, u64)> {
        let owner = self.owner.load(Acquire);
        if owner as u32 == 0 {
            return None;
        }
        let read = (self.key.load(Relaxed), self.exits.load(Relaxed));
        fence(Acquire);
        let same = self.flaw == Flaw::NoSecondLook || self.owner.load(Relaxed) == owner;
        same.then_some(read)
    }
}

mod tests {
    use super::*;
    use loom::{model, sync::Arc, thread};

    /// A reader sees one owner's counts or the other's, never a mixture.
    fn changes_hands(flaw: Flaw) {
        model(move || {
            let entry = Arc::new(Entry::new(1, 5, flaw));
            let writer = {
                let entry = Arc::clone(&entry);
                thread::spawn(move || {
                    entry.give_to(2, 1);
                    // Another exit of the new owner.
                    entry.exits.store(2, Relaxed);
                })
            };
            if let Some(read) = entry.read() {
                assert!([(1, 5), (2, 1), (2, 2)].contains(&read), "{read:?}");
            }
            writer.join().unwrap();
            assert_eq!(entry.read(), Some((2, 2)));
        });
    }

    #[test]
    fn an_entry_that_changes_hands_is_read_whole_or_not_at_all() {
        changes_hands(Flaw::None);
    }

    #[test]
    #[should_panic(expected = "(")]
    fn without_the_fence_parts_of_both_are_seen() {
        changes_hands(Flaw::NoFence);
    }

    #[test]
    #[should_panic(expected = "(")]
    fn without_a_second_look_parts_of_both_are_seen() {
        changes_hands(Flaw::NoSecondLook);
    }

    /// The writer counts an exit for its reason first. A reader that reads the entry first never
    /// finds more in it.
    fn part_of_the_reason(reason_first: bool) {
        model(move || {
            let words = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
            let writer = {
                let words = Arc::clone(&words);
                thread::spawn(move || {
                    let (reason, entry) = &*words;
                    for exits in 1..=2 {
                        // In the order of x86's stores.
                        reason.store(exits, Release);
                        entry.store(exits, Release);
                    }
                })
            };
            let (reason, entry) = &*words;
            let (part, whole) = match reason_first {
                false => {
                    let part = entry.load(Acquire);
                    (part, reason.load(Acquire))
                }
                true => {
                    let whole = reason.load(Acquire);
                    (entry.load(Acquire), whole)
                }
            };
            assert!(part <= whole, "{part} of {whole}");
            writer.join().unwrap();
        });
    }

    #[test]
    fn an_entry_has_no_more_than_its_reason() {
        part_of_the_reason(false);
    }

    #[test]
    #[should_panic(expected = " of ")]
    fn read_in_the_other_order_it_has() {
        part_of_the_reason(true);
    }
}
