// SPDX-License-Identifier: GPL-2.0

//! `record --rotate`: when a recording goes on in a new file.

use super::interval;
use std::time::Duration;

/// When a file is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotate {
    /// At this size in bytes.
    Size(u64),
    /// At this age.
    Age(Duration),
}

const UNITS: [(&str, u64); 7] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

/// Parses a size or an age.
pub fn rotate(word: &str) -> Result<Rotate, String> {
    let size = UNITS.iter().find_map(|(unit, bytes)| {
        let number: u64 = word.strip_suffix(unit)?.trim_end().parse().ok()?;
        number.checked_mul(*bytes)
    });
    match size {
        Some(0) => Err("the size must be greater than 0".to_owned()),
        Some(size) => Ok(Rotate::Size(size)),
        None => interval(word)
            .map(Rotate::Age)
            .map_err(|_| "neither a size, such as 100MiB, nor a time, such as 1h".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_end_with_b_and_all_else_is_a_time() {
        assert_eq!(rotate("100MiB"), Ok(Rotate::Size(100 << 20)));
        assert_eq!(rotate("5 kB"), Ok(Rotate::Size(5000)));
        assert_eq!(rotate("7B"), Ok(Rotate::Size(7)));
        assert_eq!(rotate("1h"), Ok(Rotate::Age(Duration::from_secs(3600))));
        assert_eq!(rotate("30"), Ok(Rotate::Age(Duration::from_secs(30))));
        for wrong in [
            "",
            "0",
            "0MiB",
            "1.5GiB",
            "-1MiB",
            "18446744073709551615KiB",
            "MiB",
            "full",
        ] {
            assert!(rotate(wrong).is_err(), "{wrong}");
        }
    }
}
