// SPDX-License-Identifier: GPL-2.0

//! Tables for people.

use crate::{
    counted_by::CountedBy,
    model::{Counters, Longest, Period, Scope},
    reason::number_or_none,
    view::{Row, Subject, View},
};
use anstyle::{Effects, Style};
use comfy_table::{presets::NOTHING, Cell, CellAlignment, ContentArrangement, Table};
use exitstat_core::histogram::bucket_begin;
use jiff::{tz::TimeZone, Timestamp};
use std::io::{self, Write};

const BOLD: Style = Style::new().effects(Effects::BOLD);

/// What stands for a figure that there is none of.
const NONE: &str = "-";

/// A column: its head, and whether it has numbers.
pub type Column = (&'static str, bool);

/// Writes a table of texts; its head is bold.
///
/// # Errors
///
/// It cannot be written.
pub fn write(out: &mut impl Write, columns: &[Column], rows: &[Vec<String>]) -> io::Result<()> {
    write_with(out, columns, rows, 2)
}

/// The same, with one space in front of numbers.
///
/// # Errors
///
/// It cannot be written.
pub fn write_narrow(
    out: &mut impl Write,
    columns: &[Column],
    rows: &[Vec<String>],
) -> io::Result<()> {
    write_with(out, columns, rows, 1)
}

fn write_with(
    out: &mut impl Write,
    columns: &[Column],
    rows: &[Vec<String>],
    behind_numbers: u16,
) -> io::Result<()> {
    let mut table = Table::new();
    table
        .load_preset(NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(columns.iter().map(|(head, _)| Cell::new(head)));
    for row in rows {
        table.add_row(row);
    }
    for (column, &(_, numbers)) in table.column_iter_mut().zip(columns) {
        column.set_padding((0, if numbers { behind_numbers } else { 2 }));
        if numbers {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let text = table.to_string();
    for (i, line) in text.lines().enumerate() {
        let line = line.trim_end();
        match i {
            0 => writeln!(out, "{BOLD}{line}{BOLD:#}")?,
            _ => writeln!(out, "{line}")?,
        }
    }
    Ok(())
}

/// Writes a view.
pub(super) fn view(out: &mut impl Write, view: &View, time: bool, nested: bool) -> io::Result<()> {
    writeln!(out, "{}", title(view))?;
    let time = time && view.tsc_khz.is_some();
    let mut columns: Vec<Column> = vec![("nr", true), ("reason", false), ("exits", true)];
    columns.push(("exits/s", true));
    columns.push(("%exits", true));
    let in_ns = view.counted_by.is_some_and(|by| by != CountedBy::Device);
    let heads = match (time, in_ns) {
        (true, _) => [
            "time(ms)", "%time", "avg(us)", "p50(us)", "p99(us)", "max(us)",
        ],
        (_, true) => [
            "time(ns)", "%time", "avg(ns)", "p50(ns)", "p99(ns)", "max(ns)",
        ],
        _ => [
            "cycles", "%time", "avg(cy)", "p50(cy)", "p99(cy)", "max(cy)",
        ],
    };
    columns.extend(heads.map(|head| (head, true)));
    columns.push(("%user", true));
    columns.extend([("nested", true), ("reflected", true)]);
    // What nobody counts is not shown as unknown in each row.
    let rate = view.seconds.is_some();
    let shown = |column: &Column| match column.0 {
        "exits/s" => rate,
        "nested" | "reflected" => nested && view.has_detail(),
        "nr" | "reason" | "exits" | "%exits" => true,
        _ if !view.has_times() => false,
        head => {
            view.has_detail()
                || !(head.starts_with('p') || head.starts_with("max") || head == "%user")
        }
    };
    let keep: Vec<bool> = columns.iter().map(shown).collect();
    let texts = |row: &Row| -> Vec<String> {
        let texts = texts(view, row, time).into_iter().zip(&keep);
        texts
            .filter(|(_, &keep)| keep)
            .map(|(text, _)| text)
            .collect()
    };
    columns.retain(shown);
    let mut rows: Vec<_> = view.rows.iter().map(texts).collect();
    rows.push(texts(&view.total));
    write(out, &columns, &rows)?;
    let total = view.total.line.detail.as_ref();
    if let Some(own) = total
        .and_then(Counters::own_per_reflected)
        .filter(|_| nested)
    {
        writeln!(
            out,
            "For each exit of a nested guest that its hypervisor got, VMs took {own:.1} exits of their own."
        )?;
    }
    Ok(())
}

/// Of whom, when, how long.
fn title(view: &View) -> String {
    let mut parts = Vec::new();
    parts.extend(view.realtime.map(clock));
    parts.push(view.subject.to_string());
    parts.push(match (view.seconds, view.realtime) {
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
    parts.join("  ")
}

/// A time in nanoseconds since 1970, on this host's clock.
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

/// A row's texts, one for each column.
fn texts(view: &View, row: &Row, time: bool) -> Vec<String> {
    let figures = view.figures(row);
    let detail = row.line.detail.as_ref();
    let or_none = |text: Option<String>| text.unwrap_or_else(|| NONE.to_owned());
    let us = |cycles: f64| or_none(view.seconds_of(cycles).map(|s| format!("{:.2}", s * 1e6)));
    let each = |cycles: Option<f64>| match cycles {
        None => NONE.to_owned(),
        Some(cycles) if time => us(cycles),
        Some(cycles) => format!("{cycles:.0}"),
    };
    vec![
        number_or_none(row.reason),
        row.name(),
        figures.exits.to_string(),
        or_none(figures.exits_per_second.map(rate)),
        percent(figures.exits_share),
        or_none(
            figures
                .cycles
                .map(|cycles| match view.seconds_of(cycles as f64) {
                    Some(seconds) if time => format!("{:.3}", seconds * 1e3),
                    _ => cycles.to_string(),
                }),
        ),
        percent(figures.cycles_share),
        each(figures.average),
        each(figures.p50.map(|cycles| cycles as f64)),
        each(figures.p99.map(|cycles| cycles as f64)),
        match figures.longest {
            None => NONE.to_owned(),
            Some(Longest::Exactly(cycles)) => each(Some(cycles as f64)),
            Some(Longest::InBucket(bucket)) => {
                format!("<{}", each(Some(bucket_begin(bucket + 1) as f64)))
            }
        },
        percent(figures.user_share),
        or_none(detail.map(|detail| detail.nested.to_string())),
        or_none(detail.map(|detail| detail.reflected.to_string())),
    ]
}

/// A rate, with a decimal where it matters.
#[must_use]
pub fn rate(per_second: f64) -> String {
    match per_second {
        0.0..100.0 => format!("{per_second:.1}"),
        _ => format!("{per_second:.0}"),
    }
}

/// What a table of details is of: when it was taken, whose exits, and how long.
#[must_use]
pub fn heading(period: &Period, scope: Scope) -> String {
    let seconds = period.seconds;
    let seconds = seconds.map(|seconds| format!("  {:.3} s", seconds.0));
    format!(
        "{}  {}{}",
        clock(period.end.realtime),
        Subject::Of(scope),
        seconds.unwrap_or_default()
    )
}

/// A part of all in percent.
#[must_use]
pub fn share(part: u64, all: u64) -> String {
    percent((all != 0).then(|| part as f64 / all as f64))
}

/// A share from 0 to 1 in percent.
#[must_use]
pub fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| NONE.to_owned(), |share| format!("{:.1}", share * 100.0))
}
