// SPDX-License-Identifier: GPL-2.0

//! Columns of the tables: their cells and widths.

use super::format::{count, Time};
use crate::output::table::percent;
use std::cmp::Ordering;

/// A cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text, sorted by a number first.
    Label(u64, String),
    /// A whole number.
    Count(u64),
    /// A number per second.
    Rate(f64),
    /// A share, from 0 to 1.
    Share(f64),
    /// CPUs' worth of time.
    Cpus(f64),
    /// A time.
    Time(Time),
    /// A time below this one.
    Below(Time),
    /// Unknown.
    Missing,
}

impl Value {
    /// Wraps a value that may be unknown.
    pub fn of<T>(known: Option<T>, value: impl FnOnce(T) -> Self) -> Self {
        known.map_or(Self::Missing, value)
    }

    /// Returns the cell's text in `width` characters. Only labels may be longer.
    #[must_use]
    pub fn text(&self, width: u16) -> String {
        let width = usize::from(width);
        match self {
            Self::Label(_, text) => text.clone(),
            Self::Count(number) => count(*number, width),
            Self::Rate(rate) => count(rate.round() as u64, width),
            Self::Share(share) => percent(Some(*share)),
            Self::Cpus(cpus) if *cpus < 100.0 => format!("{cpus:.3}"),
            Self::Cpus(cpus) => format!("{cpus:.1}"),
            Self::Time(time) => time.text(),
            Self::Below(time) => format!("<{}", time.text()),
            Self::Missing => "-".to_owned(),
        }
    }

    /// Compares two cells of a column. Labels ascend, numbers descend, unknown values come last.
    #[must_use]
    pub fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Label(a, text_a), Self::Label(b, text_b)) => a.cmp(b).then(text_a.cmp(text_b)),
            (Self::Count(a), Self::Count(b)) => b.cmp(a),
            _ => other.number().total_cmp(&self.number()),
        }
    }

    fn number(&self) -> f64 {
        match self {
            Self::Rate(number) | Self::Share(number) | Self::Cpus(number) => *number,
            Self::Time(time) | Self::Below(time) => time.cycles,
            Self::Label(number, _) | Self::Count(number) => *number as f64,
            Self::Missing => f64::NEG_INFINITY,
        }
    }
}

/// A column of rows `R`.
#[derive(Debug)]
pub struct Column<R> {
    /// Heading.
    pub head: &'static str,
    /// Name of the sort order by this column.
    pub order: &'static str,
    /// Width.
    pub width: u16,
    /// Width on a narrow screen.
    pub narrowest: u16,
    /// Width on a wide screen.
    pub widest: u16,
    /// Position in the order in which columns are dropped on a narrow screen. A column with `None` stays.
    pub dropped: Option<u8>,
    /// Whether it has numbers, which are right-aligned.
    is_numeric: bool,
    /// Returns a row's cell.
    pub value: fn(&R) -> Value,
}

impl<R> Column<R> {
    /// Returns whether it has numbers.
    #[must_use]
    pub fn is_numeric(&self) -> bool {
        self.is_numeric
    }

    /// Creates a column of numbers.
    #[must_use]
    pub const fn number(
        heads: (&'static str, &'static str),
        width: u16,
        dropped: Option<u8>,
        value: fn(&R) -> Value,
    ) -> Self {
        Self {
            is_numeric: true,
            ..Self::name(heads, (width, width, width), dropped, value)
        }
    }

    /// Creates a column of names.
    #[must_use]
    pub const fn name(
        (head, order): (&'static str, &'static str),
        (narrowest, width, widest): (u16, u16, u16),
        dropped: Option<u8>,
        value: fn(&R) -> Value,
    ) -> Self {
        Self {
            head,
            order,
            width,
            narrowest,
            widest,
            dropped,
            is_numeric: false,
            value,
        }
    }
}

/// Returns the indices and widths of the columns that fit. They are separated by a blank.
///
/// Drops columns until the others fit. If no more columns can be dropped, columns of names become narrower.
#[must_use]
pub fn fit<R>(columns: &[Column<R>], width: u16) -> Vec<(usize, u16)> {
    let needed = |shown: &[usize], of: fn(&Column<R>) -> u16| -> u16 {
        let widths = shown.iter().map(|&at| of(&columns[at]) + 1);
        widths.sum::<u16>().saturating_sub(1)
    };
    let mut shown: Vec<_> = (0..columns.len()).collect();
    let mut dispensable: Vec<_> = shown.clone();
    dispensable.retain(|&at| columns[at].dropped.is_some());
    dispensable.sort_by_key(|&at| columns[at].dropped);
    for out in dispensable {
        if needed(&shown, |column| column.width) <= width {
            break;
        }
        shown.retain(|&at| at != out);
    }
    let mut spare = width.saturating_sub(needed(&shown, |column| column.narrowest));
    let grown = shown.into_iter().map(|at| {
        let Column {
            narrowest, widest, ..
        } = columns[at];
        let more = spare.min(widest - narrowest);
        spare -= more;
        (at, narrowest + more)
    });
    grown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::top::{details, reasons, who};

    fn assert_fit<R>(columns: &[Column<R>], essential: &[&str], comfortable: u16) {
        for width in 0..300 {
            let shown = fit(columns, width);
            let needed = shown.iter().map(|(_, width)| width + 1).sum::<u16>() - 1;
            assert!(width < 40 || needed <= width, "{needed} > {width}");
            let heads: Vec<_> = shown.iter().map(|&(at, _)| columns[at].head).collect();
            assert!(
                essential.iter().all(|head| heads.contains(head)),
                "{width}: {heads:?}"
            );
            let is_short = shown.iter().any(|&(at, width)| width < columns[at].width);
            assert!(
                !is_short || shown.len() == essential.len(),
                "{width}: {heads:?}"
            );
            assert_eq!(
                shown.len() == columns.len(),
                width >= comfortable,
                "{width}"
            );
        }
    }

    #[test]
    fn columns_fit_from_40_on_and_the_essential_ones_stay() {
        let of_reasons = ["REASON", "EXITS/S", "KERNEL", "USER"];
        assert_fit(&reasons::COLUMNS, &of_reasons, 113);
        let of_details = ["WHAT", "EXITS/S", "KERNEL", "USER"];
        assert_fit(&details::COLUMNS, &of_details, 99);
        let of_vms = ["VM", "EXITS/S", "KERNEL", "USER", "NAME"];
        assert_fit(&who::VMS, &of_vms, 90);
        assert_fit(&who::VCPUS, &["VCPU", "EXITS/S", "KERNEL", "USER"], 59);
    }

    #[test]
    fn values_sort_the_largest_first_and_the_unknown_last() {
        let sorted = |mut values: Vec<Value>| {
            values.sort_by(Value::order);
            values
        };
        let label = |at, text: &str| Value::Label(at, text.to_owned());
        assert_eq!(
            sorted(vec![label(0, "b"), label(2, "a"), label(0, "a")]),
            [label(0, "a"), label(0, "b"), label(2, "a")]
        );
        assert_eq!(
            sorted(vec![Value::Missing, Value::Share(0.1), Value::Share(0.2)]),
            [Value::Share(0.2), Value::Share(0.1), Value::Missing]
        );
        // Indistinguishable as doubles.
        let (less, more) = (Value::Count(u64::MAX - 1), Value::Count(u64::MAX));
        assert_eq!(sorted(vec![less.clone(), more.clone()]), [more, less]);
    }
}
