// SPDX-License-Identifier: GPL-2.0

//! Table of the details of a reason's exits.

use super::{
    columns::{Column, Value},
    filter::selects,
    format::Time,
    listing::Listing,
};
use crate::{
    detail::{Names, Rows},
    model::{Period, Scope},
    reason::Reason,
};

/// Exits with the same identity.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    what: String,
    exits: u64,
    rate: Option<f64>,
    exits_share: Option<f64>,
    kernel: Time,
    user: Time,
    time_share: Option<f64>,
    average: Option<Time>,
    longest: Option<Time>,
    user_share: Option<f64>,
}

/// Columns of details.
pub const COLUMNS: [Column<Row>; 10] = [
    Column::name(("WHAT", "what it is"), (16, 24, 72), None, |row| {
        Value::Label(0, row.what.clone())
    }),
    Column::number(("EXITS", "exits"), 11, Some(0), |row| {
        Value::Count(row.exits)
    }),
    Column::number(("EXITS/S", "exits per second"), 7, None, |row| {
        Value::of(row.rate, Value::Rate)
    }),
    Column::number(("%EXITS", "share of exits"), 6, Some(3), |row| {
        Value::of(row.exits_share, Value::Share)
    }),
    Column::number(("KERNEL", "kernel time"), 7, None, |row| {
        Value::Time(row.kernel)
    }),
    Column::number(("USER", "userspace time"), 7, None, |row| {
        Value::Time(row.user)
    }),
    Column::number(("%TIME", "time"), 6, Some(5), |row| {
        Value::of(row.time_share, Value::Share)
    }),
    Column::number(("AVG", "average"), 7, Some(4), |row| {
        Value::of(row.average, Value::Time)
    }),
    Column::number(("MAX", "longest exit"), 8, Some(1), |row| {
        Value::of(row.longest, Value::Time)
    }),
    Column::number(
        ("%UEXITS", "share of exits in userspace"),
        7,
        Some(2),
        |row| Value::of(row.user_share, Value::Share),
    ),
];

/// Returns the details of a reason's exits that a listing selects; `None` if none were captured.
#[must_use]
pub fn rows(
    period: &Period,
    scope: Scope,
    reason: Option<Reason>,
    listing: &Listing,
) -> Option<Vec<Row>> {
    let captured = period.captured()?;
    let reason = reason?;
    // The VM may have ended; then there are no rows.
    let found = Rows::of(period, captured, scope, &[reason.into()]).unwrap_or_default();
    let names = Names::default();
    let khz = Some(period.end.tsc_khz).filter(|&khz| khz != 0);
    let whole = |cycles: u64| Time {
        cycles: cycles as f64,
        khz,
    };
    let share = |part: f64, all: f64| (all > 0.0).then(|| part / all);
    let seconds = period.seconds.map(|seconds| seconds.0);
    let both = |cycles: u64, user_cycles: u64| cycles as f64 + user_cycles as f64;
    let time = found
        .rows
        .iter()
        .map(|row| both(row.counts.cycles, row.counts.user_cycles));
    let time: f64 = time.sum();
    let mut rows: Vec<_> = found
        .rows
        .iter()
        .map(|row| {
            let counts = row.counts;
            let exits = counts.exits as f64;
            Row {
                what: names.about(row.reason, row.id, found.with_key, found.with_ip),
                exits: counts.exits,
                rate: seconds.and_then(|seconds| share(exits, seconds)),
                exits_share: share(exits, found.exits as f64),
                kernel: whole(counts.cycles),
                user: whole(counts.user_cycles),
                time_share: share(both(counts.cycles, counts.user_cycles), time),
                average: share(counts.cycles as f64, exits).map(|cycles| Time { cycles, khz }),
                // Unknown for exits without an identity.
                longest: (counts.longest != 0).then(|| whole(counts.longest)),
                user_share: share(counts.user_exits as f64, exits),
            }
        })
        .filter(|row| selects(&listing.filter, &row.what, ""))
        .collect();
    listing.sort(&COLUMNS, &mut rows);
    Some(rows)
}
