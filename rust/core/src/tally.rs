// SPDX-License-Identifier: GPL-2.0

//! Sums of exits and of the cycles spent handling them.

/// A number of VM exits and the TSC cycles spent handling them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// VM exits.
    pub exits: u64,
    /// TSC cycles.
    pub cycles: u64,
}

impl Tally {
    /// Returns the sum of two tallies. Wraps: a counter overflow must not stop a kernel, and 2^64
    /// cycles take a century.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            exits: self.exits.wrapping_add(other.exits),
            cycles: self.cycles.wrapping_add(other.cycles),
        }
    }

    /// Returns the difference of two tallies, or 0 where the other is larger: counters read while they
    /// run need not fit together.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self {
            exits: self.exits.saturating_sub(other.exits),
            cycles: self.cycles.saturating_sub(other.cycles),
        }
    }
}

impl core::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), Self::plus)
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;
    use proptest::prelude::*;

    fn tally(exits: u64, cycles: u64) -> Tally {
        Tally { exits, cycles }
    }

    proptest! {
        #[test]
        fn a_sum_is_the_sum_of_its_columns(rows: [(u32, u32); 8]) {
            let sum: Tally = rows.iter().map(|&(e, c)| tally(e.into(), c.into())).sum();
            let exits = rows.iter().map(|&(e, _)| u64::from(e)).sum::<u64>();
            let cycles = rows.iter().map(|&(_, c)| u64::from(c)).sum::<u64>();
            prop_assert_eq!(sum, tally(exits, cycles));
        }
    }

    #[test]
    fn a_difference_ends_at_zero() {
        assert_eq!(tally(3, 2).saturating_sub(tally(1, 5)), tally(2, 0));
        assert_eq!(tally(1, 5).saturating_sub(tally(3, 2)), tally(0, 3));
    }

    #[test]
    fn an_overflow_wraps() {
        assert_eq!(tally(u64::MAX, 1).plus(tally(2, u64::MAX)), tally(1, 0));
    }
}
