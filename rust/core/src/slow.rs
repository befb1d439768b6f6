// SPDX-License-Identifier: GPL-2.0

//! The slowest exits of a vCPU, one by one.
//!
//! As in `detail`, there is one writer at a time and any number of readers, and zeros are the
//! initial value.

use super::detail::{Identity, ENTRY_SIZE};
use core::sync::atomic::{
    fence, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

/// Number of exits kept.
pub const KEPT: usize = 15;

/// A slow exit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exit {
    /// Its identity.
    pub id: Identity,
    /// TSC at its end.
    pub tsc: u64,
    /// Cycles spent handling it.
    pub cycles: u64,
}

/// A cache line that holds one exit.
#[repr(C, align(64))]
#[derive(Debug, Default)]
struct Entry {
    /// Odd while the line is written.
    turn: AtomicU64,
    key: AtomicU64,
    ip: AtomicU64,
    /// Context in the high half, reason in the low half.
    rest: AtomicU64,
    tsc: AtomicU64,
    cycles: AtomicU64,
}

/// The slowest exits so far.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct Slowest {
    /// Cycles of the fastest exit kept, once all lines are in use.
    floor: AtomicU64,
    entries: [Entry; KEPT],
}

/// Size in bytes.
pub const SIZE: usize = (KEPT + 1) * ENTRY_SIZE;

const _: () = assert!(size_of::<Slowest>() == SIZE);

impl Slowest {
    /// Returns whether an exit is slow enough to be kept.
    #[inline(always)]
    #[must_use]
    pub fn is_slow(&self, cycles: u64) -> bool {
        cycles > self.floor.load(Relaxed)
    }

    /// Keeps an exit in place of the fastest one.
    pub fn keep(&self, exit: &Exit) {
        let cycles = |entry: &Entry| entry.cycles.load(Relaxed);
        let Some(least) = self.entries.iter().min_by_key(|entry| cycles(entry)) else {
            return;
        };
        let turn = least.turn.load(Relaxed);
        least.turn.store(turn.wrapping_add(1), Relaxed);
        // A reader that sees any of the following writes also sees that the line is being written.
        fence(Release);
        least.key.store(exit.id.key, Relaxed);
        least.ip.store(exit.id.ip, Relaxed);
        let rest = u64::from(exit.id.context) << 32 | u64::from(exit.id.reason);
        least.rest.store(rest, Relaxed);
        least.tsc.store(exit.tsc, Relaxed);
        least.cycles.store(exit.cycles, Relaxed);
        least.turn.store(turn.wrapping_add(2), Release);
        let floor = self.entries.iter().map(cycles).min();
        self.floor.store(floor.unwrap_or(0), Relaxed);
    }

    /// Returns the exits kept, in no particular order, without one that is being written.
    pub fn read(&self) -> impl Iterator<Item = Exit> + '_ {
        self.entries.iter().filter_map(Entry::read)
    }
}

impl Entry {
    fn read(&self) -> Option<Exit> {
        let turn = self.turn.load(Acquire);
        if turn == 0 || turn & 1 != 0 {
            return None;
        }
        let rest = self.rest.load(Relaxed);
        let exit = Exit {
            id: Identity {
                reason: rest as u32,
                key: self.key.load(Relaxed),
                ip: self.ip.load(Relaxed),
                context: (rest >> 32) as u32,
            },
            tsc: self.tsc.load(Relaxed),
            cycles: self.cycles.load(Relaxed),
        };
        fence(Acquire);
        (self.turn.load(Relaxed) == turn).then_some(exit)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::{collection::vec, prelude::*};
    use std::vec::Vec;

    fn exit(tsc: u64, cycles: u64) -> Exit {
        Exit {
            id: Identity {
                reason: 32,
                key: tsc,
                ip: 7,
                context: 4,
            },
            tsc,
            cycles,
        }
    }

    #[test]
    fn nothing_is_kept_at_first() {
        let slowest = Slowest::default();
        assert_eq!(slowest.read().count(), 0);
        assert!(!slowest.is_slow(0) && slowest.is_slow(1));
    }

    proptest! {
        #[test]
        fn the_slowest_are_kept(all in vec(1u64..1000, 0..100)) {
            let slowest = Slowest::default();
            for (tsc, &cycles) in (1..).zip(&all) {
                if slowest.is_slow(cycles) {
                    slowest.keep(&exit(tsc, cycles));
                }
            }
            let mut kept: Vec<_> = slowest.read().collect();
            for kept in &kept {
                prop_assert_eq!(*kept, exit(kept.tsc, all[kept.tsc as usize - 1]));
            }
            kept.sort_by_key(|exit| core::cmp::Reverse(exit.cycles));
            let kept: Vec<_> = kept.into_iter().map(|exit| exit.cycles).collect();
            let mut right = all;
            right.sort_by_key(|&cycles| core::cmp::Reverse(cycles));
            right.truncate(KEPT);
            prop_assert_eq!(kept, right);
        }
    }
}
