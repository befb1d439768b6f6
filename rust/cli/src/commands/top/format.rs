// SPDX-License-Identifier: GPL-2.0

//! Compact formats of numbers and times.

/// A number of TSC cycles, with the TSC frequency if it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Time {
    /// TSC cycles.
    pub cycles: f64,
    /// TSC frequency in kHz.
    pub khz: Option<u32>,
}

impl Time {
    /// Returns the time in seconds if the TSC frequency is known.
    #[must_use]
    pub fn seconds(self) -> Option<f64> {
        Some(self.cycles / (f64::from(self.khz?) * 1e3))
    }

    /// Returns the time in at most seven characters.
    #[must_use]
    pub fn text(self) -> String {
        match self.seconds() {
            Some(seconds) => duration(seconds),
            None => scaled(self.cycles) + "cy",
        }
    }
}

/// Returns a time in at most seven characters.
#[must_use]
pub fn duration(seconds: f64) -> String {
    if seconds == 0.0 {
        return "0".to_owned();
    }
    let (number, unit) = match seconds {
        s if s < 1e-6 => (s * 1e9, "ns"),
        s if s < 1e-3 => (s * 1e6, "us"),
        s if s < 1.0 => (s * 1e3, "ms"),
        s if s < 99_999.0 => (s, "s"),
        s if s < 3_600_000.0 => (s / 3600.0, "h"),
        s => (s / 86_400.0, "d"),
    };
    format!("{} {unit}", three_digits(number))
}

/// Returns a number with commas if it fits into `width` characters, else with a suffix such as M for
/// millions.
#[must_use]
pub fn count(number: u64, width: usize) -> String {
    let text = grouped(number);
    match text.len() <= width {
        true => text,
        false => scaled(number as f64),
    }
}

/// Returns a number with commas.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i != 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a number in at most five characters, with a suffix if it is 1000 or more.
fn scaled(number: f64) -> String {
    let mut number = number;
    for suffix in ["", "k", "M", "G", "T", "P"] {
        // From here on, it would round to 1000.
        if number < 999.5 {
            return three_digits(number) + suffix;
        }
        number /= 1e3;
    }
    format!("{number:.0}E")
}

fn three_digits(number: f64) -> String {
    let digits = match number {
        n if n < 9.995 => 2,
        n if n < 99.95 => 1,
        _ => 0,
    };
    format!("{number:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (number, width, text) in [
            (0, 7, "0"),
            (999, 7, "999"),
            (999_999, 7, "999,999"),
            (1_234_567, 7, "1.23M"),
            (1_234_567, 9, "1,234,567"),
            (999_999_999, 7, "1.00G"),
            (u64::MAX, 11, "18E"),
        ] {
            assert_eq!(count(number, width), text);
        }
    }

    #[test]
    fn times_have_a_unit_and_fit_seven_characters() {
        for (time, text) in [
            (0.0, "0"),
            (0.4e-9, "0.40 ns"),
            (12.34e-9, "12.3 ns"),
            (1.5e-6, "1.50 us"),
            (9.999e-6, "10.0 us"),
            (0.25, "250 ms"),
            (3.0, "3.00 s"),
            (12_345.0, "12345 s"),
            (100_000.0, "27.8 h"),
            (1e9, "11574 d"),
        ] {
            assert_eq!(duration(time), text);
            assert!(text.len() <= 7);
        }
        let unknown = Time {
            cycles: 123_456.0,
            khz: None,
        };
        assert_eq!(unknown.text(), "123kcy");
    }
}
