// SPDX-License-Identifier: GPL-2.0

//! Histograms of how long exits took, in buckets by powers of two.
//!
//! Bucket `b` counts the exits that took at least 2^b cycles and less than 2^(b+1). The first that is
//! used, [`FIRST_BUCKET`], also counts all shorter exits.

use super::snapshot::FIRST_BUCKET;

/// The bucket of an exit that took so many cycles: from [`FIRST_BUCKET`] to 63.
#[must_use]
pub const fn bucket_of(cycles: u64) -> u32 {
    (cycles | (1 << FIRST_BUCKET)).ilog2()
}

/// The least number of cycles in a bucket.
#[must_use]
pub const fn bucket_begin(bucket: u32) -> u64 {
    match bucket {
        0..64 if bucket as usize <= FIRST_BUCKET => 0,
        0..64 => 1 << bucket,
        _ => u64::MAX,
    }
}

/// The number of cycles that `percent` of the exits did not exceed, as far as buckets tell: exits are
/// taken to lie evenly in theirs, so the true figure is in the same bucket. `None` without exits.
#[must_use]
pub fn percentile(histogram: &[u64], percent: u32) -> Option<u64> {
    let all: u128 = histogram.iter().map(|&exits| u128::from(exits)).sum();
    // The rank of the exit asked for, from 1 up.
    let rank = (all * u128::from(percent.min(100))).div_ceil(100).max(1);
    let mut before = 0;
    for (bucket, &exits) in (0..).zip(histogram) {
        let exits = u128::from(exits);
        if before + exits >= rank {
            let begin = u128::from(bucket_begin(bucket));
            let width = u128::from(bucket_begin(bucket + 1)) - begin;
            return u64::try_from(begin + width * (rank - before - 1) / exits.max(1)).ok();
        }
        before += exits;
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
        }
    }

    #[test]
    fn percentiles_are_in_the_bucket_of_their_exit() {
        let mut histogram = [0; 64];
        assert_eq!(percentile(&histogram, 50), None);
        histogram[10] = 99;
        histogram[20] = 1;
        assert_eq!(percentile(&histogram, 0), Some(1024));
        assert_eq!(percentile(&histogram, 50).map(bucket_of), Some(10));
        assert_eq!(percentile(&histogram, 99).map(bucket_of), Some(10));
        assert_eq!(percentile(&histogram, 100), Some(1 << 20));
    }

    proptest! {
        #[test]
        fn a_percentile_is_where_the_exact_one_is(
            mut cycles in proptest::collection::vec(any::<u64>(), 1..50),
            shift in 0u32..60,
            percent in 0u32..=100,
        ) {
            let mut histogram = [0; 64];
            for c in &mut cycles {
                *c >>= shift;
                histogram[bucket_of(*c) as usize] += 1;
            }
            cycles.sort_unstable();
            let rank = (cycles.len() * percent as usize).div_ceil(100).max(1);
            let exact = cycles[rank - 1];
            let told = percentile(&histogram, percent).unwrap();
            prop_assert_eq!(bucket_of(told), bucket_of(exact));
        }
    }
}
