// SPDX-License-Identifier: GPL-2.0

//! A slot of two columns, exits and cycles, with one writer, as in `src/column.rs`.

use super::word::Word;
use exitstat_core::tally::Tally;
use loom::sync::atomic::Ordering::{self, Acquire, Relaxed, Release};

/// Memory order of a pair's loads and stores.
#[derive(Clone, Copy)]
pub struct Order {
    load: Ordering,
    store: Ordering,
}

/// No order between different words.
pub const WEAK: Order = Order {
    load: Relaxed,
    store: Relaxed,
};

/// The minimum order of any load and store on x86.
pub const X86: Order = Order {
    load: Acquire,
    store: Release,
};

/// Exits and cycles.
pub struct Pair {
    exits: Word,
    cycles: Word,
    order: Order,
}

impl Pair {
    /// Creates a pair of zeros.
    pub fn new(order: Order) -> Self {
        Self {
            exits: Word::new(),
            cycles: Word::new(),
            order,
        }
    }

    /// Adds like `inc` and `add` without a lock prefix: one load and one store each.
    pub fn add(&self, tally: Tally) {
        for (word, more) in [(&self.exits, tally.exits), (&self.cycles, tally.cycles)] {
            let before = word.load_own();
            word.store(before.wrapping_add(more), self.order.store);
        }
    }

    /// Returns both counters, each read once.
    pub fn get(&self) -> Tally {
        Tally {
            exits: self.exits.load(self.order.load),
            cycles: self.cycles.load(self.order.load),
        }
    }
}

mod tests {
    use super::*;
    use exitstat_core::reason::Slot;
    use loom::{
        model,
        sync::Arc,
        thread::{self, JoinHandle},
    };
    use std::sync::Mutex;

    /// Cycles of each exit in these tests.
    const EACH: u64 = 10;

    fn spawn_writer(pair: &Arc<Pair>, exits: u64) -> JoinHandle<()> {
        let pair = Arc::clone(pair);
        thread::spawn(move || {
            for _ in 0..exits {
                pair.add(Tally {
                    exits: 1,
                    cycles: EACH,
                });
            }
        })
    }

    fn of(exits: u64) -> Tally {
        Tally {
            exits,
            cycles: exits * EACH,
        }
    }

    /// Returns what a reader may see of a writer's two exits: (exits, exits whose cycles it sees).
    fn seen(order: Order) -> Vec<(u64, u64)> {
        let all = std::sync::Arc::new(Mutex::new(Vec::new()));
        let seen = std::sync::Arc::clone(&all);
        model(move || {
            let pair = Arc::new(Pair::new(order));
            let writer = spawn_writer(&pair, 2);
            let tally = pair.get();
            seen.lock()
                .unwrap()
                .push((tally.exits, tally.cycles / EACH));
            writer.join().unwrap();
        });
        let mut all = all.lock().unwrap().clone();
        all.sort_unstable();
        all.dedup();
        all
    }

    #[test]
    fn nothing_is_lost_and_no_counter_falls() {
        model(|| {
            let pair = Arc::new(Pair::new(WEAK));
            let writer = spawn_writer(&pair, 2);
            let (first, second) = (pair.get(), pair.get());
            assert!(first.exits <= second.exits && second.exits <= 2);
            assert!(first.cycles <= second.cycles && second.cycles <= 2 * EACH);
            assert_eq!(second.cycles % EACH, 0);
            writer.join().unwrap();
            assert_eq!(pair.get(), of(2));
        });
    }

    /// A reader sees the cycles of all exits but the last. It may also see those of any number of
    /// exits between its two loads.
    #[test]
    fn on_x86_cycles_are_at_most_one_exit_behind() {
        let all = [
            (0, 0),
            (0, 1),
            (0, 2),
            (1, 0),
            (1, 1),
            (1, 2),
            (2, 1),
            (2, 2),
        ];
        assert_eq!(seen(X86), all);
    }

    /// Shows that the order comes from x86, not from the instructions: why they must not be
    /// reordered.
    #[test]
    fn with_no_order_cycles_are_further_behind() {
        assert!(seen(WEAK).contains(&(2, 0)));
    }

    #[test]
    #[should_panic(expected = "exits were lost")]
    fn two_writers_of_one_pair_lose_exits() {
        model(|| {
            let pair = Arc::new(Pair::new(X86));
            let writers = [spawn_writer(&pair, 1), spawn_writer(&pair, 1)];
            for writer in writers {
                writer.join().unwrap();
            }
            assert_eq!(pair.get(), of(2), "exits were lost");
        });
    }

    /// Sums as `src/cpu.rs` does: each CPU's table has a slot for a defined reason and one for an
    /// undefined reason.
    #[test]
    fn a_sum_over_cpus_is_never_ahead_and_in_the_end_exact() {
        let slots = [10, 99].map(Slot::of);
        assert_ne!(slots[0], slots[1]);
        model(move || {
            let tables: [[Arc<Pair>; 2]; 2] =
                std::array::from_fn(|_| slots.map(|_| Arc::new(Pair::new(WEAK))));
            // Each CPU takes more exits in one slot than in the other.
            let writers = [
                spawn_writer(&tables[0][0], 1),
                spawn_writer(&tables[1][1], 1),
            ];
            let sum = || {
                tables
                    .iter()
                    .flatten()
                    .map(|pair| pair.get())
                    .sum::<Tally>()
            };
            let early = sum();
            assert!(early.exits <= 2 && early.cycles <= 2 * EACH);
            for writer in writers {
                writer.join().unwrap();
            }
            assert_eq!(sum(), of(2));
        });
    }
}
