// SPDX-License-Identifier: GPL-2.0

//! Tables for people.

use super::fit::{lay_out, wrap, Column};
use crate::{
    cli::Sort,
    counted_by::CountedBy,
    model::{Counters, Longest, Period, Scope},
    reason::number_or_none,
    view::{with_name, Figures, Row, Subject, View},
    vm::text::printable,
};
use anstyle::{Effects, Style};
use exitstat_core::histogram::bucket_begin;
use jiff::{tz::TimeZone, Timestamp};
use std::io::{self, Write};

const BOLD: Style = Style::new().effects(Effects::BOLD);

/// Placeholder for unknown figures.
const NONE: &str = "-";

/// Writes a table of texts with a bold heading.
///
/// # Errors
///
/// Writing fails.
pub fn write(
    out: &mut impl Write,
    columns: &[Column],
    rows: &[Vec<String>],
    width: Option<usize>,
) -> io::Result<()> {
    write_lines(out, &lay_out(columns, rows, 2, width))
}

/// Writes a table of texts, with one space in front of numbers.
///
/// # Errors
///
/// Writing fails.
pub fn write_narrow(
    out: &mut impl Write,
    columns: &[Column],
    rows: &[Vec<String>],
    width: Option<usize>,
) -> io::Result<()> {
    write_lines(out, &lay_out(columns, rows, 1, width))
}

fn write_lines(out: &mut impl Write, lines: &[String]) -> io::Result<()> {
    for (i, line) in lines.iter().enumerate() {
        match i {
            0 => writeln!(out, "{BOLD}{line}{BOLD:#}")?,
            _ => writeln!(out, "{line}")?,
        }
    }
    Ok(())
}

/// Writes a sentence, broken into several lines if it is too long.
///
/// # Errors
///
/// Writing fails.
pub fn sentence(out: &mut impl Write, text: &str, width: Option<usize>) -> io::Result<()> {
    let lines = wrap(text.split(' '), " ", width);
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}

/// Writes the line above a table, broken between its parts if it is too long.
///
/// # Errors
///
/// Writing fails.
pub fn title(out: &mut impl Write, parts: &[String], width: Option<usize>) -> io::Result<()> {
    let lines = wrap(parts.iter().map(String::as_str), "  ", width);
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}

/// Format of times.
#[derive(Clone, Copy)]
pub(super) struct Times<'a> {
    view: &'a View,
    /// Milliseconds and microseconds instead of counted units.
    by_clock: bool,
}

impl<'a> Times<'a> {
    fn of(view: &'a View, time: bool) -> Self {
        Self {
            view,
            by_clock: time && view.tsc_khz.is_some(),
        }
    }

    /// Returns the units of sums and of times per exit.
    fn units(self) -> [&'static str; 2] {
        let in_ns = self
            .view
            .counted_by
            .is_some_and(|by| by != CountedBy::Device);
        match (self.by_clock, in_ns) {
            (true, _) => ["ms", "us"],
            (_, true) => ["ns", "ns"],
            _ => ["cy", "cy"],
        }
    }

    /// Formats a sum of times.
    fn sum(self, cycles: Option<u64>) -> String {
        let text = |cycles: u64| match self.view.seconds_of(cycles as f64) {
            Some(seconds) if self.by_clock => format!("{:.3}", seconds * 1e3),
            _ => cycles.to_string(),
        };
        cycles.map_or_else(|| NONE.to_owned(), text)
    }

    /// Formats a time per exit.
    fn each(self, cycles: Option<f64>) -> String {
        let Some(cycles) = cycles else {
            return NONE.to_owned();
        };
        match self.view.seconds_of(cycles) {
            Some(seconds) if self.by_clock => format!("{:.2}", seconds * 1e6),
            _ => format!("{cycles:.0}"),
        }
    }

    fn longest(self, longest: Option<Longest>) -> String {
        match longest {
            None => NONE.to_owned(),
            Some(Longest::Exactly(cycles)) => self.each(Some(cycles as f64)),
            Some(Longest::InBucket(bucket)) => {
                format!("<{}", self.each(Some(bucket_begin(bucket + 1) as f64)))
            }
        }
    }
}

/// A column of a view, and its cell of a row.
type Shown = (
    Column,
    Option<Sort>,
    fn(Times<'_>, &Row, &Figures) -> String,
);

/// Returns the columns for which the view has data. docs/cli.md lists the order in which they are dropped.
fn columns(times: Times<'_>, nested: bool) -> Vec<Shown> {
    let view = times.view;
    let [sum, each] = times.units();
    let mut columns: Vec<Shown> = vec![
        (
            Column::number("nr").goes(1),
            Some(Sort::Reason),
            |_, row, _| number_or_none(row.reason),
        ),
        (Column::text("reason"), None, |_, row, _| row.name()),
        (Column::number("exits"), Some(Sort::Exits), |_, _, f| {
            f.exits.to_string()
        }),
    ];
    if view.seconds.is_some() {
        columns.push((Column::number("exits/s").goes(4), None, |_, _, f| {
            f.exits_per_second.map_or_else(|| NONE.to_owned(), rate)
        }));
    }
    columns.push((Column::number("%exits").goes(7), None, |_, _, f| {
        percent(f.exits_share)
    }));
    let kernel = Column::number(format!("kernel({sum})"));
    let average = Column::number(format!("avg({each})")).goes(6);
    let kernel: Shown = (kernel, Some(Sort::Cycles), |times, _, f| {
        times.sum(f.cycles)
    });
    let average: Shown = (average, Some(Sort::Avg), |times, _, f| {
        times.each(f.average)
    });
    match (view.has_times(), view.has_detail()) {
        (false, _) => (),
        (true, false) => columns.extend([
            kernel,
            (Column::number("%ktime"), None, |_, _, f| {
                percent(f.cycles_share)
            }),
            average,
        ]),
        (true, true) => columns.extend([
            kernel,
            (
                Column::number(format!("user({sum})")),
                Some(Sort::UserCycles),
                |times, _, f| times.sum(f.user_cycles),
            ),
            (Column::number("%time"), Some(Sort::Time), |_, _, f| {
                percent(f.time_share)
            }),
            average,
            (
                Column::number(format!("p50({each})")).goes(0),
                None,
                |times, _, f| times.each(f.p50.map(|cycles| cycles as f64)),
            ),
            (
                Column::number(format!("p99({each})")).goes(3),
                Some(Sort::P99),
                |times, _, f| times.each(f.p99.map(|cycles| cycles as f64)),
            ),
            (
                Column::number(format!("max({each})")).goes(5),
                Some(Sort::Max),
                |times, _, f| times.longest(f.longest),
            ),
            (
                Column::number("%uexits").goes(2),
                Some(Sort::User),
                |_, _, f| percent(f.user_share),
            ),
        ]),
    }
    if nested && view.has_detail() {
        columns.extend::<[Shown; 2]>([
            (Column::number("nested"), None, |_, row, _| {
                of_vcpus(row, |counters| counters.nested)
            }),
            (Column::number("reflected"), None, |_, row, _| {
                of_vcpus(row, |counters| counters.reflected)
            }),
        ]);
    }
    for (column, sort, _) in &mut columns {
        // The column that the table is sorted by stays.
        if *sort == Some(view.sort) {
            column.goes = None;
        }
    }
    columns
}

/// Formats one of the counters that only vCPUs have.
fn of_vcpus(row: &Row, what: impl Fn(&Counters) -> u64) -> String {
    let detail = row.line.detail.as_ref();
    detail.map_or_else(|| NONE.to_owned(), |counters| what(counters).to_string())
}

/// Writes a view.
pub(super) fn view(
    out: &mut impl Write,
    view: &View,
    (time, nested): (bool, bool),
    width: Option<usize>,
) -> io::Result<()> {
    title(out, &about(view), width)?;
    let times = Times::of(view, time);
    let shown = columns(times, nested);
    let texts = |row: &Row| -> Vec<String> {
        let figures = view.figures(row);
        let texts = shown.iter().map(|(_, _, text)| text(times, row, &figures));
        texts.collect()
    };
    let rows: Vec<_> = view.rows.iter().chain([&view.total]).map(texts).collect();
    let heads: Vec<_> = shown.iter().map(|(column, ..)| column.clone()).collect();
    write(out, &heads, &rows, width)?;
    let total = view.total.line.detail.as_ref();
    if let Some(own) = total
        .and_then(Counters::own_per_reflected)
        .filter(|_| nested)
    {
        let text = format!(
            "For each exit of a nested guest that its hypervisor got, VMs took {own:.1} exits of their own."
        );
        sentence(out, &text, width)?;
    }
    Ok(())
}

/// Returns the subject, the time and the length.
fn about(view: &View) -> Vec<String> {
    let mut parts = Vec::new();
    parts.extend(view.realtime.map(clock));
    parts.push(match (&view.host_name, view.subject) {
        (None, _) => view.title(),
        (Some(name), Subject::Of(Scope::Host)) => format!("host {}", printable(name)),
        (Some(name), _) => format!("{} on {}", view.title(), printable(name)),
    });
    parts.push(match (view.seconds, view.realtime) {
        (Some(seconds), _) if view.is_average => format!("average over {seconds:.3} s"),
        (Some(seconds), _) => format!("{seconds:.3} s"),
        (None, Some(_)) => view.counted_by.map_or("", CountedBy::since).to_owned(),
        (None, None) => "as far as the host tells".to_owned(),
    });
    parts.extend(view.counted_by.map(|by| match (by, view.tsc_khz) {
        (CountedBy::Device, Some(khz)) => format!("{by}, TSC {:.3} MHz", f64::from(khz) / 1e3),
        _ => by.to_string(),
    }));
    if view.reloads > 0 {
        let again = view.counted_by.map_or("", CountedBy::again);
        parts.push(format!("{again} {} time(s)", view.reloads));
    }
    if view.unattached > 0 && view.subject == Subject::Of(Scope::Host) {
        let only = view.counted_by.map_or("", CountedBy::of_the_host_only);
        parts.push(format!("{} vCPU(s) {only}", view.unattached));
    }
    parts
}

/// Formats nanoseconds since 1970 in this host's time zone.
#[must_use]
pub fn clock(realtime: u64) -> String {
    match Timestamp::from_nanosecond(realtime.into()) {
        Ok(time) => time
            .to_zoned(TimeZone::system())
            .strftime("%F %T %Z")
            .to_string(),
        Err(_) => NONE.to_owned(),
    }
}

/// Formats a rate, with one decimal below 100.
#[must_use]
pub fn rate(per_second: f64) -> String {
    match per_second {
        0.0..100.0 => format!("{per_second:.1}"),
        _ => format!("{per_second:.0}"),
    }
}

/// Returns the line above a table of details: its time, subject and length.
#[must_use]
pub fn heading(period: &Period, scope: Scope) -> String {
    let seconds = period.seconds;
    let seconds = seconds.map(|seconds| format!("  {:.3} s", seconds.0));
    format!(
        "{}  {}{}",
        clock(period.end.realtime),
        with_name(Subject::Of(scope), period.counts.identity_of(scope)),
        seconds.unwrap_or_default()
    )
}

/// Returns a part as a percentage of the whole.
#[must_use]
pub fn share(part: u64, all: u64) -> String {
    percent((all != 0).then(|| part as f64 / all as f64))
}

/// Formats a share from 0 to 1 as a percentage.
#[must_use]
pub fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| NONE.to_owned(), |share| format!("{:.1}", share * 100.0))
}
