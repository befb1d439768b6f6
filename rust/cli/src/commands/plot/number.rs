// SPDX-License-Identifier: GPL-2.0

//! Format of numbers and times in pictures, and ticks of logarithmic axes.

/// Formats a number with about three digits.
pub fn number(number: f64) -> String {
    match number {
        n if n >= 1e9 => format!("{}G", digits(n / 1e9)),
        n if n >= 1e6 => format!("{}M", digits(n / 1e6)),
        n if n >= 1e4 => format!("{}k", digits(n / 1e3)),
        n if n.fract() == 0.0 => format!("{n:.0}"),
        n => digits(n),
    }
}

/// Returns a formatter for the labels of an axis, all in the unit of its maximum `most`.
pub fn axis(most: f64) -> impl Fn(&f64) -> String {
    let (unit, name) = match most {
        n if n >= 1e9 => (1e9, "G"),
        n if n >= 1e6 => (1e6, "M"),
        n if n >= 1e4 => (1e3, "k"),
        _ => (1.0, ""),
    };
    move |&number| match digits(number / unit).as_str() {
        "0" => "0".to_owned(),
        digits => format!("{digits}{name}"),
    }
}

/// Formats a time with its unit.
pub fn seconds(seconds: f64) -> String {
    match seconds {
        0.0 => "0".to_owned(),
        // A number that would round to 1000 gets the next unit.
        s if s < 0.9995e-6 => format!("{} ns", digits(s * 1e9)),
        s if s < 0.9995e-3 => format!("{} µs", digits(s * 1e6)),
        s if s < 0.9995 => format!("{} ms", digits(s * 1e3)),
        s => format!("{} s", digits(s)),
    }
}

fn digits(number: f64) -> String {
    let places = match number {
        n if n < 10.0 => 2,
        n if n < 100.0 => 1,
        _ => 0,
    };
    let text = format!("{number:.places$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// Returns the ticks of a logarithmic axis: 1, 2 and 5 times each power of ten. If these are more than
/// `most`, returns only the powers, or every second or third one.
pub fn logarithmic_ticks(begin: f64, end: f64, most: usize) -> Vec<f64> {
    let powers = begin.log10().floor() as i32..=end.log10().ceil() as i32;
    let within = |tick: &f64| (begin..=end).contains(tick);
    let fine: Vec<f64> = powers
        .clone()
        .flat_map(|power| [1.0, 2.0, 5.0].map(|step| step * 10_f64.powi(power)))
        .filter(within)
        .collect();
    if fine.len() <= most {
        return fine;
    }
    let coarse: Vec<f64> = powers
        .map(|power| 10_f64.powi(power))
        .filter(within)
        .collect();
    let each = coarse.len().div_ceil(most.max(1)).max(1);
    coarse.into_iter().step_by(each).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_an_axis_have_one_unit() {
        let labels = |most, numbers: [f64; 3]| numbers.map(|n| axis(most)(&n));
        assert_eq!(
            labels(16_000.0, [0.0, 8000.0, 16_000.0]),
            ["0", "8k", "16k"]
        );
        assert_eq!(labels(3.0, [0.0, 0.5, 3.0]), ["0", "0.5", "3"]);
    }

    #[test]
    fn numbers_are_short() {
        for (n, text) in [
            (0.0, "0"),
            (0.5, "0.5"),
            (999.0, "999"),
            (9999.0, "9999"),
            (12_345.0, "12.3k"),
            (2e6, "2M"),
            (3.25e9, "3.25G"),
        ] {
            assert_eq!(number(n), text);
        }
        for (s, text) in [
            (0.0, "0"),
            (2e-7, "200 ns"),
            (1.5e-6, "1.5 µs"),
            (0.000_999_7, "1 ms"),
            (0.02, "20 ms"),
            (3.0, "3 s"),
        ] {
            assert_eq!(seconds(s), text);
        }
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(logarithmic_ticks(8.0, 120.0, 9), [10.0, 20.0, 50.0, 100.0]);
        assert_eq!(logarithmic_ticks(8.0, 1200.0, 4), [10.0, 100.0, 1000.0]);
        assert_eq!(logarithmic_ticks(1.0, 1e6, 4), [1.0, 100.0, 1e4, 1e6]);
        assert!(logarithmic_ticks(1.0, 1e12, 0).len() <= 13);
    }
}
