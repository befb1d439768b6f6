// SPDX-License-Identifier: GPL-2.0

//! `exitstat diff`: what changed between two recordings.

use super::report;
use crate::{
    cli::{DiffArgs, DiffSort, Format},
    error::Error,
    model::{total, Line, Period, Scope},
    output::{self, csv, json, table},
    reason,
};
use exitstat_core::{reason::REASONS, tally::Tally};
use serde::{Serialize, Serializer};
use std::{cmp::Ordering, collections::BTreeMap, io::Write};

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
    pub number: Option<u32>,
    /// Its name.
    pub name: String,
    /// Exits.
    pub exits: Change,
    /// Cycles.
    pub cycles: Change,
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
    let (rows, total) = rows(&a.period, &b.period, args)?;
    let mut out = output::stdout();
    match args.output {
        Format::Table => {
            for (name, path, recording) in [("A", &args.a, &a), ("B", &args.b, &b)] {
                let seconds = recording.period.seconds;
                let seconds = seconds.map_or_else(
                    || "all since the module was loaded".to_owned(),
                    |seconds| format!("{:.3} s", seconds.0),
                );
                writeln!(out, "{name}: {}  {seconds}", path.display())?;
            }
            print(&mut out, &rows, &total, args.per_second)?;
        }
        Format::Json => {
            #[derive(Serialize)]
            struct Diff {
                per_second: bool,
                seconds_a: Option<f64>,
                seconds_b: Option<f64>,
                total: Row,
                reasons: Vec<Row>,
            }
            let diff = Diff {
                per_second: args.per_second,
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
                for change in [row.exits, row.cycles] {
                    cells.extend([change.a, change.b, change.change].map(|n| n.to_string()));
                    cells.push(csv::cell(change.relative));
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
    let row = |number: Option<u32>, a: Tally, b: Tally| Row {
        number,
        name: number.map_or_else(|| "total".to_owned(), reason::name),
        exits: Change::new(a.exits as f64 / by.0, b.exits as f64 / by.1),
        cycles: Change::new(a.cycles as f64 / by.0, b.cycles as f64 / by.1),
    };
    let lines = |period: &Period| period.counts.lines(Scope::Host).unwrap_or_default();
    let (a, b) = (lines(a), lines(b));
    let all = row(None, total(a.values()).tally, total(b.values()).tally);

    let of = |lines: &BTreeMap<u32, Line>, n| lines.get(&n).map(|l| l.tally).unwrap_or_default();
    let mut numbers: Vec<u32> = a.keys().chain(b.keys()).copied().collect();
    if args.all {
        numbers.extend(REASONS.iter().map(|reason| reason.number));
    }
    numbers.sort_unstable();
    numbers.dedup();
    let mut rows: Vec<_> = numbers
        .into_iter()
        .filter(|number| args.reason.is_empty() || args.reason.contains(number))
        .map(|number| row(Some(number), of(&a, number), of(&b, number)))
        .filter(|row| args.all || row.exits.change != 0.0 || row.cycles.change != 0.0)
        .collect();
    let changed = |row: &Row| match args.sort {
        DiffSort::Exits => row.exits.change.abs(),
        DiffSort::Cycles => row.cycles.change.abs(),
    };
    rows.sort_by(|x, y| {
        changed(y)
            .partial_cmp(&changed(x))
            .unwrap_or(Ordering::Equal)
    });
    Ok((rows, all))
}

fn print(out: &mut impl Write, rows: &[Row], total: &Row, per_second: bool) -> Result<(), Error> {
    let heads = match per_second {
        false => [
            "exits A", "exits B", "change", "%", "cycles A", "cycles B", "change", "%",
        ],
        true => [
            "exits/s A",
            "exits/s B",
            "change",
            "%",
            "cycles/s A",
            "cycles/s B",
            "change",
            "%",
        ],
    };
    let mut columns = vec![("nr", true), ("reason", false)];
    columns.extend(heads.map(|head| (head, true)));
    let number = |n: f64| match per_second && n.abs() < 100.0 {
        true => format!("{n:.1}"),
        false => format!("{n:.0}"),
    };
    let texts = |row: &Row| {
        let mut texts = vec![
            row.number.map_or_else(String::new, |n| n.to_string()),
            row.name.clone(),
        ];
        for change in [row.exits, row.cycles] {
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
