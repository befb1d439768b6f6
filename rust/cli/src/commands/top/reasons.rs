// SPDX-License-Identifier: GPL-2.0

//! Table of exit reasons.

use super::{
    columns::{Column, Value},
    filter::selects,
    format::Time,
    listing::Listing,
};
use crate::{
    cli::RowsArgs,
    model::{Longest, Period, Scope},
    reason::Reason,
    view::{Row as ViewRow, View},
};
use exitstat_core::{histogram::bucket_begin, isa::Isa};
use std::cmp::Reverse;

/// A reason.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The reason.
    pub reason: Reason,
    exits: u64,
    rate: Option<f64>,
    exits_share: Option<f64>,
    kernel: Option<Time>,
    user: Option<Time>,
    time_share: Option<f64>,
    average: Option<Time>,
    p50: Option<Time>,
    p99: Option<Time>,
    longest: Value,
    user_share: Option<f64>,
}

/// Columns of the table.
pub const COLUMNS: [Column<Row>; 12] = [
    Column::name(("REASON", "reason"), (16, 22, 28), None, |row| {
        Value::Label(row.reason.number.into(), label(row.reason))
    }),
    Column::number(("EXITS", "exits"), 11, Some(1), |row| {
        Value::Count(row.exits)
    }),
    Column::number(("EXITS/S", "exits per second"), 7, None, |row| {
        Value::of(row.rate, Value::Rate)
    }),
    Column::number(("%EXITS", "share of exits"), 6, Some(4), |row| {
        Value::of(row.exits_share, Value::Share)
    }),
    Column::number(("KERNEL", "kernel time"), 7, None, |row| {
        Value::of(row.kernel, Value::Time)
    }),
    Column::number(("USER", "userspace time"), 7, None, |row| {
        Value::of(row.user, Value::Time)
    }),
    Column::number(("%TIME", "time"), 6, Some(7), |row| {
        Value::of(row.time_share, Value::Share)
    }),
    Column::number(("AVG", "average"), 7, Some(6), |row| {
        Value::of(row.average, Value::Time)
    }),
    Column::number(("P50", "p50"), 7, Some(0), |row| {
        Value::of(row.p50, Value::Time)
    }),
    Column::number(("P99", "p99"), 7, Some(5), |row| {
        Value::of(row.p99, Value::Time)
    }),
    Column::number(("MAX", "longest exit"), 8, Some(2), |row| {
        row.longest.clone()
    }),
    Column::number(
        ("%UEXITS", "share of exits in userspace"),
        7,
        Some(3),
        |row| Value::of(row.user_share, Value::Share),
    ),
];

/// Returns a reason's number and name.
fn label(reason: Reason) -> String {
    let number = reason.number();
    match reason.isa {
        Isa::Vmx => format!("{number:>2} {reason}"),
        Isa::Svm => format!("{number:>5} {reason}"),
    }
}

/// Returns the reasons that a listing selects. If none of them occurred, includes those that did not occur.
#[must_use]
pub fn rows(period: &Period, scope: Scope, listing: &Listing) -> Vec<Row> {
    let view = View::of_interval(period, scope, &RowsArgs::default());
    let selected = |reason: Reason| selects(&listing.filter, &reason.to_string(), &reason.number());
    let of = |rows: &View| -> Vec<Row> {
        let rows = rows.rows.iter();
        rows.filter_map(|row| Some(Row::of(&view, row, row.reason.filter(|&r| selected(r))?)))
            .collect()
    };
    let mut rows = of(&view);
    if rows.is_empty() && !listing.filter.is_empty() {
        let all = RowsArgs {
            all: true,
            ..RowsArgs::default()
        };
        rows = of(&View::of_interval(period, scope, &all));
    }
    // Regardless of the view's order, sort equal rows by exits.
    rows.sort_by_key(|row| (Reverse(row.exits), row.reason));
    listing.sort(&COLUMNS, &mut rows);
    rows
}

/// Returns the cycles in the kernel, and in userspace if they are known.
fn cycles(row: &ViewRow) -> (u64, Option<u64>) {
    let detail = row.line.detail.as_ref();
    (
        row.line.tally.cycles,
        detail.map(|detail| detail.user_cycles),
    )
}

impl Row {
    fn of(view: &View, row: &ViewRow, reason: Reason) -> Self {
        let figures = view.figures(row);
        let time = |cycles: f64| Time {
            cycles,
            khz: view.tsc_khz,
        };
        let whole = |cycles: u64| time(cycles as f64);
        let both = |row: &ViewRow| {
            let (kernel, user) = cycles(row);
            kernel as f64 + user.unwrap_or(0) as f64
        };
        let all = both(&view.total);
        let user = cycles(row).1.filter(|_| view.has_times());
        Self {
            reason,
            exits: figures.exits,
            rate: figures.exits_per_second,
            exits_share: figures.exits_share,
            kernel: figures.cycles.map(whole),
            user: user.map(whole),
            time_share: (view.has_times() && all > 0.0).then(|| both(row) / all),
            average: figures.average.map(time),
            p50: figures.p50.map(whole),
            p99: figures.p99.map(whole),
            longest: match figures.longest {
                None => Value::Missing,
                Some(Longest::Exactly(cycles)) => Value::Time(whole(cycles)),
                Some(Longest::InBucket(bucket)) => Value::Below(whole(bucket_begin(bucket + 1))),
            },
            user_share: figures.user_share,
        }
    }
}
