// SPDX-License-Identifier: GPL-2.0

//! Log2 histograms of exit durations.
//!
//! Bucket `b` counts the exits that took at least 2^b cycles and less than 2^(b+1). The first
//! bucket in use, [`FIRST_BUCKET`], also counts all shorter exits.

use super::snapshot::FIRST_BUCKET;

/// Returns the bucket of an exit that took this many cycles, from [`FIRST_BUCKET`] to 63.
#[must_use]
pub const fn bucket_of(cycles: u64) -> u32 {
    (cycles | (1 << FIRST_BUCKET)).ilog2()
}

/// Returns the lower bound of a bucket, in cycles.
#[must_use]
pub const fn bucket_begin(bucket: u32) -> u64 {
    match bucket {
        0..64 if bucket as usize <= FIRST_BUCKET => 0,
        0..64 => 1 << bucket,
        _ => u64::MAX,
    }
}

/// Returns the upper bound (inclusive) of a bucket, in cycles.
#[must_use]
pub const fn bucket_last(bucket: u32) -> u64 {
    match bucket {
        0..63 => (2 << bucket) - 1,
        _ => u64::MAX,
    }
}

/// Returns an upper bound of the percentile: `percent` of the exits took at most this many cycles.
/// Returns `None` without exits.
///
/// The bound is in the same bucket as the exact percentile, so it is less than twice as large,
/// except in the first bucket. The bucket's upper bound always holds. `cycles`, the sum over these
/// exits, gives a tighter bound if there are few exits. The sum exceeds its minimum, with each exit
/// at the lower bound of its bucket, by some excess. Let the exit at the percentile be followed by
/// `k - 1` exits above it in its bucket. Each of these `k` exits exceeds the bucket's lower bound
/// by at least as much as the exit at the percentile does. So that exit exceeds it by at most one
/// `k`th of the excess. For a single exit the bound is exact.
///
/// A sum that includes cycles of other exits is harmless. If it misses some of these exits' cycles,
/// the bound may be too low within its bucket.
#[must_use]
pub fn percentile(histogram: &[u64], percent: u32, cycles: Option<u64>) -> Option<u64> {
    let all: u128 = histogram.iter().map(|&exits| u128::from(exits)).sum();
    // Rank of the exit at the percentile, starting at 1.
    let rank = (all * u128::from(percent.min(100))).div_ceil(100).max(1);
    let least = |(bucket, &exits)| u128::from(bucket_begin(bucket)) * u128::from(exits);
    // There are fewer than 2^64 exits per bucket, in 64 buckets below 2^64 cycles. A sum that does
    // not fit is not used.
    let least = (0..)
        .zip(histogram)
        .map(least)
        .try_fold(0u128, u128::checked_add);
    let excess = cycles
        .zip(least)
        .and_then(|(cycles, least)| u128::from(cycles).checked_sub(least));
    let mut up_to = 0;
    for (bucket, &exits) in (0..).zip(histogram) {
        up_to += u128::from(exits);
        if up_to >= rank {
            let last = bucket_last(bucket);
            let of_each = excess.and_then(|excess| u64::try_from(excess / (up_to - rank + 1)).ok());
            let bound = of_each.and_then(|more| bucket_begin(bucket).checked_add(more));
            return Some(bound.map_or(last, |bound| bound.min(last)));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buckets_begin_at_powers_of_two() {
        for (cycles, bucket) in [(0, 6), (1, 6), (127, 6), (128, 7), (255, 7), (u64::MAX, 63)] {
            assert_eq!(bucket_of(cycles), bucket, "{cycles}");
        }
        assert_eq!(bucket_begin(6), 0);
        for bucket in 7..64 {
            assert_eq!(bucket_of(bucket_begin(bucket)), bucket);
            assert_eq!(bucket_of(bucket_begin(bucket) - 1), bucket - 1);
            assert_eq!(bucket_last(bucket - 1), bucket_begin(bucket) - 1);
        }
        assert_eq!(bucket_last(63), u64::MAX);
    }

    #[test]
    fn a_percentile_is_an_upper_bound() {
        let mut histogram = [0; 64];
        assert_eq!(percentile(&histogram, 50, Some(0)), None);
        histogram[10] = 99;
        histogram[20] = 1;
        for (percent, bound) in [(0, 2047), (50, 2047), (99, 2047), (100, (2 << 20) - 1)] {
            assert_eq!(percentile(&histogram, percent, None), Some(bound));
        }
    }

    #[test]
    fn the_sum_tells_of_few_exits() {
        let mut histogram = [0; 64];
        histogram[11] = 1;
        for percent in [0, 50, 99, 100] {
            assert_eq!(percentile(&histogram, percent, Some(4042)), Some(4042));
        }
        // An impossible sum is ignored.
        assert_eq!(percentile(&histogram, 50, Some(2000)), Some(4095));
        assert_eq!(percentile(&histogram, 50, Some(5000)), Some(4095));
        // The longer one may account for all of it.
        histogram[6] = 1;
        assert_eq!(percentile(&histogram, 50, Some(4042)), Some(127));
        assert_eq!(percentile(&histogram, 99, Some(4042)), Some(4042));
        // 300 more than twice 2048: the shorter one took at most half of that.
        let mut histogram = [0; 64];
        histogram[11] = 2;
        assert_eq!(percentile(&histogram, 50, Some(4396)), Some(2198));
        assert_eq!(percentile(&histogram, 99, Some(4396)), Some(2348));
    }

    /// A file can contain any numbers.
    #[test]
    fn no_histogram_is_too_large() {
        for percent in [0, 50, 100] {
            let told = percentile(&[u64::MAX; 64], percent, Some(u64::MAX));
            assert!(told.is_some());
        }
    }

    proptest! {
        #[test]
        fn a_percentile_bounds_the_exact_one_within_its_bucket(
            mut cycles in proptest::collection::vec(any::<u64>(), 1..50),
            shift in 6u32..60,
            percent in 0u32..=100,
            more in 0u64..1000,
        ) {
            let mut histogram = [0; 64];
            for c in &mut cycles {
                *c >>= shift;
                histogram[bucket_of(*c) as usize] += 1;
            }
            cycles.sort_unstable();
            let sum: u64 = cycles.iter().sum();
            let rank = (cycles.len() * percent as usize).div_ceil(100).max(1);
            let exact = cycles[rank - 1];
            for sum in [None, Some(sum), Some(sum + more)] {
                let told = percentile(&histogram, percent, sum).unwrap();
                prop_assert!(told >= exact);
                prop_assert_eq!(bucket_of(told), bucket_of(exact));
                prop_assert!(told < 128 || told / 2 <= exact);
                let next = percentile(&histogram, percent + 1, sum).unwrap();
                prop_assert!(told <= next);
                let all = percentile(&histogram, 100, sum).unwrap();
                prop_assert!(u128::from(all) * cycles.len() as u128 >= cycles.iter().map(|&c| u128::from(c)).sum());
            }
            if cycles.len() == 1 {
                prop_assert_eq!(percentile(&histogram, percent, Some(sum)), Some(exact));
            }
        }
    }
}
