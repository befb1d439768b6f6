// SPDX-License-Identifier: GPL-2.0

//! `exitstat diff`: what changed between two recordings.

use super::report;
use crate::{
    cli::{DiffArgs, DiffSort, Format},
    counted_by::CountedBy,
    error::Error,
    model::{total, Line, Period, Scope},
    output::{self, csv, json, table},
    reason::{is_one_of, name_or_total, number_or_none, Reason},
};
use exitstat_core::tally::Tally;
use serde::{Serialize, Serializer};
use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    io::Write,
};

/// One number in both recordings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Change {
    /// In the first.
    #[serde(serialize_with = "number")]
    pub a: f64,
    /// In the second.
    #[serde(serialize_with = "number")]
    pub b: f64,
    /// What was added.
    #[serde(serialize_with = "number")]
    pub change: f64,
    /// That, of the first; `None` if that is 0.
    pub relative: Option<f64>,
}

impl Change {
    fn new(a: f64, b: f64) -> Self {
        Self {
            a,
            b,
            change: b - a,
            relative: (a != 0.0).then(|| (b - a) / a),
        }
    }
}

/// Counts are integers, and look so.
fn number<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    let integer = *number as i64;
    match integer as f64 == *number {
        true => serializer.serialize_i64(integer),
        false => serializer.serialize_f64(*number),
    }
}

/// A row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The reason; `None` of all together.
    #[serde(skip)]
    pub reason: Option<Reason>,
    /// Its number.
    pub number: Option<u32>,
    /// Its name.
    pub name: String,
    /// Exits.
    pub exits: Change,
    /// Cycles; ns if BPF counted in either. `None` if only exits were.
    pub cycles: Option<Change>,
}

/// Carries it out.
///
/// # Errors
///
/// A recording cannot be read, or nothing can be written.
pub fn run(args: &DiffArgs) -> Result<(), Error> {
    let open = |path| {
        let mut recording = report::open(path)?;
        recording.period = recording.part(args.phase.as_deref(), args.until.as_deref())?;
        Ok::<_, Error>(recording)
    };
    let (a, b) = (open(&args.a)?, open(&args.b)?);
    let by = [&a, &b].map(|recording| CountedBy::of(&recording.period.end));
    let (rows, total) = rows(&a.period, &b.period, args)?;
    if let Some(warning) = not_alike(by) {
        crate::say!("exitstat: {warning}");
    }
    let mut out = output::stdout();
    match args.output {
        Format::Table => {
            let [by_a, by_b] = by;
            for (name, path, recording, by) in [("A", &args.a, &a, by_a), ("B", &args.b, &b, by_b)]
            {
                let seconds = recording.period.seconds;
                let seconds = seconds.map_or_else(
                    || format!("all {}", by.since()),
                    |seconds| format!("{:.3} s", seconds.0),
                );
                writeln!(out, "{name}: {}  {seconds}  source: {by}", path.display())?;
            }
            print(&mut out, &rows, &total, args.per_second, unit(by))?;
        }
        Format::Json => {
            #[derive(Serialize)]
            struct Diff {
                per_second: bool,
                source_a: &'static str,
                source_b: &'static str,
                unit: Option<&'static str>,
                seconds_a: Option<f64>,
                seconds_b: Option<f64>,
                total: Row,
                reasons: Vec<Row>,
            }
            let diff = Diff {
                per_second: args.per_second,
                source_a: by[0].word(),
                source_b: by[1].word(),
                unit: unit(by),
                seconds_a: a.period.seconds.map(|seconds| seconds.0),
                seconds_b: b.period.seconds.map(|seconds| seconds.0),
                total,
                reasons: rows,
            };
            json::write(&mut out, "diff", diff)?;
        }
        Format::Csv => {
            let header = "number,name,exits_a,exits_b,exits_change,exits_relative,\
                          cycles_a,cycles_b,cycles_change,cycles_relative";
            let header = header.split(',').map(str::to_owned).collect();
            let rows = rows.iter().chain([&total]).map(|row| {
                let mut cells = vec![csv::cell(row.number), row.name.clone()];
                for change in [Some(row.exits), row.cycles] {
                    let numbers = [|c: Change| c.a, |c: Change| c.b, |c: Change| c.change];
                    cells.extend(numbers.map(|of| csv::cell(change.map(of))));
                    cells.push(csv::cell(change.and_then(|change| change.relative)));
                }
                cells
            });
            csv::write(&mut out, std::iter::once(header).chain(rows))?;
        }
    }
    out.flush()?;
    Ok(())
}

/// The rows, and that of all together.
fn rows(a: &Period, b: &Period, args: &DiffArgs) -> Result<(Vec<Row>, Row), Error> {
    let divisor = |period: &Period| match (args.per_second, period.seconds) {
        (false, _) => Ok(1.0),
        (true, Some(seconds)) if seconds.0 > 0.0 => Ok(seconds.0),
        (true, _) => Err(Error::Usage(
            "--per-second needs recordings of at least two snapshots each".to_owned(),
        )),
    };
    let by = (divisor(a)?, divisor(b)?);
    // Of one kind if both are; else in ns.
    let unit = unit([CountedBy::of(&a.end), CountedBy::of(&b.end)]);
    let scale = |period: &Period| match period.end.tsc_khz {
        khz if unit == Some("ns") && khz != 0 => 1e6 / f64::from(khz),
        _ => 1.0,
    };
    let scale = (scale(a), scale(b));
    let row = |reason: Option<Reason>, a: Tally, b: Tally| Row {
        reason,
        number: reason.map(|reason| reason.number),
        name: name_or_total(reason),
        exits: Change::new(a.exits as f64 / by.0, b.exits as f64 / by.1),
        cycles: unit.map(|_| {
            Change::new(
                (a.cycles as f64 * scale.0).round() / by.0,
                (b.cycles as f64 * scale.1).round() / by.1,
            )
        }),
    };
    let lines = |period: &Period| period.counts.lines(Scope::Host).unwrap_or_default();
    let isas = [a.end.isa(), b.end.isa()];
    let (a, b) = (lines(a), lines(b));
    let all = row(None, total(a.values()).tally, total(b.values()).tally);

    let of = |lines: &BTreeMap<Reason, Line>, reason| {
        let line = lines.get(&reason);
        line.map(|line| line.tally).unwrap_or_default()
    };
    let mut reasons: BTreeSet<Reason> = a.keys().chain(b.keys()).copied().collect();
    if args.all {
        reasons.extend(isas.into_iter().flat_map(Reason::all));
    }
    let mut rows: Vec<_> = reasons
        .into_iter()
        .filter(|&reason| is_one_of(&args.reason, reason))
        .map(|reason| row(Some(reason), of(&a, reason), of(&b, reason)))
        .filter(|row| {
            args.all
                || row.exits.change != 0.0
                || row.cycles.is_some_and(|cycles| cycles.change != 0.0)
        })
        .collect();
    let changed = |row: &Row| match args.sort {
        DiffSort::Exits => row.exits.change.abs(),
        DiffSort::Cycles => row.cycles.unwrap_or(row.exits).change.abs(),
    };
    rows.sort_by(|x, y| {
        changed(y)
            .partial_cmp(&changed(x))
            .unwrap_or(Ordering::Equal)
    });
    Ok((rows, all))
}

/// What times are compared in, if they were counted.
fn unit(by: [CountedBy; 2]) -> Option<&'static str> {
    match by {
        [CountedBy::Device, CountedBy::Device] => Some("cycles"),
        [a, b] => (a.has_times() && b.has_times()).then_some("ns"),
    }
}

/// What is to be known before times are compared.
fn not_alike([a, b]: [CountedBy; 2]) -> Option<String> {
    if a == b {
        None
    } else if !(a.has_times() && b.has_times()) {
        Some("one of them was recorded with --counts: only exits are compared".to_owned())
    } else {
        Some(format!(
            "their times differ in kind: A is by {a}, B by {b}; `exitstat --help` says what each counts"
        ))
    }
}

fn print(
    out: &mut impl Write,
    rows: &[Row],
    total: &Row,
    per_second: bool,
    unit: Option<&'static str>,
) -> Result<(), Error> {
    let exits = match per_second {
        false => ["exits A", "exits B"],
        true => ["exits/s A", "exits/s B"],
    };
    let times = unit.map(|unit| match (per_second, unit) {
        (false, "ns") => ["ns A", "ns B"],
        (false, _) => ["cycles A", "cycles B"],
        (true, "ns") => ["ns/s A", "ns/s B"],
        (true, _) => ["cycles/s A", "cycles/s B"],
    });
    let heads = [Some(exits), times].into_iter().flatten();
    let heads = heads.flat_map(|[a, b]| [a, b, "change", "%"]);
    let mut columns = vec![("nr", true), ("reason", false)];
    columns.extend(heads.map(|head| (head, true)));
    let number = |n: f64| match per_second && n.abs() < 100.0 {
        true => format!("{n:.1}"),
        false => format!("{n:.0}"),
    };
    let texts = |row: &Row| {
        let mut texts = vec![number_or_none(row.reason), row.name.clone()];
        for change in [Some(row.exits), row.cycles].into_iter().flatten() {
            texts.push(number(change.a));
            texts.push(number(change.b));
            let sign = if change.change > 0.0 { "+" } else { "" };
            texts.push(format!("{sign}{}", number(change.change)));
            texts.push(match change.relative {
                Some(relative) => format!("{:+.1}", relative * 100.0),
                None if change.b == 0.0 => "-".to_owned(),
                None => "new".to_owned(),
            });
        }
        texts
    };
    let rows: Vec<_> = rows.iter().chain([total]).map(texts).collect();
    Ok(table::write(out, &columns, &rows)?)
}
