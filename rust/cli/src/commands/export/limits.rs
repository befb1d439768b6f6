// SPDX-License-Identifier: GPL-2.0

//! Bucket limits of histograms. They are the same on every host, so that histograms can be added.
//!
//! The module's buckets are powers of two of TSC cycles, BPF's of nanoseconds. The exported limits are
//! powers of two of nanoseconds for both. Each limit is within one bucket of cycles, or between two. The
//! exits of that bucket are split in proportion, as if their durations were evenly distributed, which is
//! also what `histogram_quantile()` assumes.
//!
//! Rounding each bucket up to the next limit instead would cause a discontinuity at some frequency: of two
//! hosts with 1,999,998 and 2,000,002 kHz, the former would report twice the quantiles of the latter.

use exitstat_core::histogram::{bucket_begin, bucket_last};

/// Exponents n of the limits, which are 2^n ns: 128 ns to 0.54 s.
const LIMITS: std::ops::RangeInclusive<u32> = 7..=29;

/// Returns each limit in seconds, with the number of exits above the previous limit and up to this one. The
/// last limit is infinity.
///
/// `histogram` has the exits by powers of two of cycles. The TSC frequency is `khz`.
pub fn buckets(histogram: &[u64], khz: u32) -> Vec<(f64, u64)> {
    let all = histogram.iter().fold(0, |sum: u64, &n| sum.wrapping_add(n));
    let mut before = 0;
    let mut buckets: Vec<_> = LIMITS
        .map(|n| {
            let up_to = up_to(histogram, khz, n);
            let bucket = (seconds(n), up_to.wrapping_sub(before));
            before = up_to;
            bucket
        })
        .collect();
    buckets.push((f64::INFINITY, all.wrapping_sub(before)));
    buckets
}

/// Returns 2^n ns in seconds.
fn seconds(n: u32) -> f64 {
    (1u64 << n) as f64 / 1e9
}

/// Returns the number of exits of at most 2^n ns. It never decreases as the histogram grows.
fn up_to(histogram: &[u64], khz: u32, n: u32) -> u64 {
    // In millionths of a cycle, the limit is an integer below 2^(29 + 32).
    const MILLION: u128 = 1_000_000;
    let limit = (1u128 << n) * u128::from(khz);
    let of_bucket = |(bucket, &exits): (u32, &u64)| {
        let begin = u128::from(bucket_begin(bucket)) * MILLION;
        let end = (u128::from(bucket_last(bucket)) + 1) * MILLION;
        if limit >= end {
            exits
        } else if limit <= begin {
            0
        } else {
            // Here `begin` is below the limit, so the product has less than 64 + 61 bits.
            let part = u128::from(exits) * (limit - begin) / (end - begin);
            u64::try_from(part).unwrap_or(exits)
        }
    };
    (0..)
        .zip(histogram)
        .map(of_bucket)
        .fold(0, |sum: u64, exits| sum.wrapping_add(exits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use exitstat_core::histogram::bucket_of;
    use proptest::prelude::*;

    fn histogram(cycles: &[u64]) -> [u64; 64] {
        let mut histogram = [0; 64];
        for &cycles in cycles {
            histogram[bucket_of(cycles) as usize] += 1;
        }
        histogram
    }

    /// Computes PromQL's `histogram_quantile()`, with linear interpolation between limits.
    fn quantile(buckets: &[(f64, u64)], q: f64) -> f64 {
        let all: u64 = buckets.iter().map(|bucket| bucket.1).sum();
        let rank = q * all as f64;
        let (mut begin, mut below) = (0.0, 0);
        for &(limit, exits) in buckets {
            if (below + exits) as f64 >= rank {
                return begin + (limit - begin) * (rank - below as f64) / exits as f64;
            }
            (begin, below) = (limit, below + exits);
        }
        begin
    }

    /// Generates durations of 2^7 to 2^29 cycles, with a log-uniform distribution.
    fn durations() -> impl Strategy<Value = Vec<u64>> {
        let duration = (7u32..29, any::<u64>());
        let duration =
            duration.prop_map(|(bits, more)| (1u64 << bits) + (more & ((1u64 << bits) - 1)));
        proptest::collection::vec(duration, 1..200)
    }

    #[test]
    fn limits_do_not_depend_on_the_frequency() {
        let limits = |khz| -> Vec<String> {
            let buckets = buckets(&[1; 64], khz);
            buckets.iter().map(|(limit, _)| limit.to_string()).collect()
        };
        let of_bpf = limits(1_000_000);
        assert_eq!(of_bpf.len(), 24);
        assert_eq!(of_bpf[0], "0.000000128");
        assert_eq!(of_bpf[22], "0.536870912");
        for khz in [1, 1_999_998, 2_399_998, 2_400_002, u32::MAX] {
            assert_eq!(limits(khz), of_bpf);
        }
    }

    #[test]
    fn buckets_of_nanoseconds_are_kept_as_they_are() {
        let mut counted = [0; 64];
        counted[6] = 10;
        counted[7] = 20;
        counted[28] = 30;
        counted[29] = 40;
        let buckets = buckets(&counted, 1_000_000);
        let some: Vec<_> = (0..).zip(buckets).filter(|(_, b)| b.1 != 0).collect();
        let expected = [
            (0, (seconds(7), 10)),
            (1, (seconds(8), 20)),
            (22, (seconds(29), 30)),
            (23, (f64::INFINITY, 40)),
        ];
        assert_eq!(some, expected);
    }

    #[test]
    fn a_bucket_is_split_in_proportion() {
        let mut counted = [0; 64];
        // 1024 to 2047 cycles are 426.7 to 853.3 ns at 2.4 GHz: one fifth of this range is up to 512 ns.
        counted[10] = 1000;
        let buckets = buckets(&counted, 2_400_000);
        assert_eq!(buckets[2], (seconds(9), 200));
        assert_eq!(buckets[3], (seconds(10), 800));
    }

    proptest! {
        /// Arbitrary frequencies and distributions of durations.
        #[test]
        fn a_quantile_is_within_a_factor_of_four(
            mut cycles in durations(),
            khz in 1_000_000u32..5_000_000,
            q in 0.01f64..1.0,
        ) {
            let told = quantile(&buckets(&histogram(&cycles), khz), q);
            cycles.sort_unstable();
            let rank = (q * cycles.len() as f64).ceil().max(1.0) as usize;
            let exact = cycles[rank - 1] as f64 / (f64::from(khz) * 1e3);
            // A limit is at least 128 ns.
            prop_assert!(told < 4.0 * exact.max(1.28e-7 / 4.0) + 1e-12, "{told} {exact}");
            // The rank may lie between two exits.
            let shorter = (q * cycles.len() as f64).floor().max(1.0) as usize;
            let exact = cycles[shorter - 1] as f64 / (f64::from(khz) * 1e3);
            prop_assert!(told > exact / 4.0 || exact <= 1.28e-7, "{told} {exact}");
        }

        /// With an even distribution within a bucket, quantiles are as accurate as those computed from
        /// cycles.
        #[test]
        fn a_quantile_of_even_durations_is_close(
            khz in 1_000_000u32..5_000_000,
            bucket in 10u32..25,
            q in 0.05f64..0.95,
        ) {
            let begin = 1u64 << bucket;
            let mut counted = [0; 64];
            counted[bucket as usize] = 1_000_000;
            let told = quantile(&buckets(&counted, khz), q);
            let exact = begin as f64 * (1.0 + q) / (f64::from(khz) * 1e3);
            // The two parts of the bucket extend beyond it by less than their own width.
            prop_assert!(told < exact * 1.65 && told > exact * 0.7, "{told} {exact}");
        }

        /// Small differences in the frequency, as measured at each boot, have little effect.
        #[test]
        fn a_little_more_frequency_is_a_little_difference(
            cycles in durations(),
            khz in 1_000_000u32..5_000_000,
        ) {
            let counted = histogram(&cycles).map(|n| n * 1_000_000);
            let (a, b) = (buckets(&counted, khz), buckets(&counted, khz + 4));
            let all: u64 = counted.iter().sum();
            for (a, b) in a.iter().zip(&b) {
                prop_assert!(a.1.abs_diff(b.1) <= all / 50_000, "{a:?} {b:?}");
            }
        }

        /// Required of counters.
        #[test]
        fn no_bucket_goes_down_and_none_is_lost(
            mut counted in proptest::collection::vec(any::<u64>().prop_map(|n| n >> 8), 64),
            khz in any::<u32>(),
            (more, bucket) in (0u64..1000, 0usize..64),
        ) {
            let cumulative = |counted: &[u64]| -> Vec<u64> {
                let sum = |sum: &mut u64, (_, n): (f64, u64)| {
                    *sum += n;
                    Some(*sum)
                };
                buckets(counted, khz).into_iter().scan(0, sum).collect()
            };
            let before = cumulative(&counted);
            prop_assert!(before.is_sorted());
            prop_assert_eq!(before.last(), Some(&counted.iter().sum()));
            counted[bucket] += more;
            let after = cumulative(&counted);
            prop_assert!(before.iter().zip(&after).all(|(before, after)| before <= after));
        }
    }

    #[test]
    fn no_histogram_is_too_large() {
        for khz in [0, 1, u32::MAX] {
            assert_eq!(buckets(&[u64::MAX; 64], khz).len(), 24);
        }
    }
}
