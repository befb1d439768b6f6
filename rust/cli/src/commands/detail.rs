// SPDX-License-Identifier: GPL-2.0

//! `exitstat detail`: details of exits.

use super::{
    look::{details, period},
    names::Wanted,
};
use crate::{
    cli::{DetailArgs, DetailSort, Format, ROWS},
    counted_by::CountedBy,
    detail::{Columns, Names, Row, Rows},
    error::Error,
    model::{Period, Scope},
    output::{self, csv, fit::Column, json, table, width},
    reason::{self, vendor},
    view::{not_there, Subject},
    vm::wanted::of_vm,
};
use exitstat_core::detail::Counts;
use serde::Serialize;
use std::{io::Write, path::Path, process::ExitCode};

/// Runs the command.
///
/// # Errors
///
/// There are no details, the scope does not exist, or writing fails.
pub fn run(args: &DetailArgs) -> Result<ExitCode, Error> {
    if args.scope.cpu.is_some() {
        return Err(Error::Usage(
            "details are not counted per CPU: use --vm instead of --cpu".to_owned(),
        ));
    }
    let wanted = Wanted::begin(&args.names, &args.look, args.scope.vm.as_ref())?;
    let (period, whole) = period(&args.look)?;
    let (names, vm) = wanted.names(&period)?;
    let scope = of_vm(&args.scope, vm);
    let found = Found::of(&period, scope, args, &names)?;
    found.print(&mut output::stdout(), args)?;
    Ok(super::done(whole))
}

/// Writes the rows with the most exits into a report, if the recording has details.
///
/// # Errors
///
/// Writing fails.
pub(super) fn report(
    out: &mut impl Write,
    recording: (&Path, &Period),
    scope: Scope,
    reasons: &[reason::Wanted],
) -> Result<(), Error> {
    let (path, period) = recording;
    let found = period
        .captured()
        .and_then(|details| Rows::of(period, details, scope, reasons));
    let Some(found) = found else {
        return Ok(());
    };
    let found = Found {
        period,
        names: &Names::default(),
        scope,
        found,
    };
    writeln!(out)?;
    let text = format!(
        "What exits were about, {UNITS}; all of it: exitstat detail --from {}",
        path.display()
    );
    table::sentence(out, &text, width())?;
    found.rows_table(out, REPORTED)
}

/// Units of the times in a table.
const UNITS: &str = "times in cycles";

/// Returns the cycles in the kernel and in userspace.
fn time(counts: &Counts) -> u64 {
    counts.cycles.wrapping_add(counts.user_cycles)
}

/// Number of rows in a report.
const REPORTED: usize = 10;

/// Rows of a period, and their names.
struct Found<'a> {
    period: &'a Period,
    names: &'a Names,
    scope: Scope,
    found: Rows,
}

impl<'a> Found<'a> {
    fn of(
        period: &'a Period,
        scope: Scope,
        args: &DetailArgs,
        names: &'a Names,
    ) -> Result<Self, Error> {
        let from = args.look.source.from.as_deref();
        let found = Rows::of(
            period,
            details(period, from)?,
            scope,
            &args.reasons.wanted(),
        );
        let mut found = found.ok_or_else(|| not_there(scope))?;
        found.sort(|counts| match args.sort {
            DetailSort::Exits => counts.exits,
            DetailSort::Time => time(counts),
            DetailSort::Cycles => counts.cycles,
            DetailSort::UserCycles => counts.user_cycles,
            DetailSort::User => counts.user_exits,
            DetailSort::Max => counts.longest,
        });
        Ok(Self {
            period,
            names,
            scope,
            found,
        })
    }

    fn print(&self, out: &mut impl Write, args: &DetailArgs) -> Result<(), Error> {
        match args.format {
            Format::Table => self.table(out, args.rows.unwrap_or(ROWS))?,
            Format::Json => self.json(out)?,
            Format::Csv => self.csv(out)?,
        }
        out.flush()?;
        Ok(())
    }

    fn table(&self, out: &mut impl Write, most: usize) -> Result<(), Error> {
        let heading = table::heading(self.period, self.scope);
        let parts = [heading, UNITS.to_owned()];
        table::title(out, &parts, width())?;
        self.rows_table(out, most)
    }

    fn rows_table(&self, out: &mut impl Write, most: usize) -> Result<(), Error> {
        let mut columns = vec![Column::text("reason")];
        if self.found.with_key {
            columns.push(Column::text("what"));
        }
        if self.found.with_ip {
            columns.push(Column::text("instruction"));
        }
        // Headings are short, to leave room for texts; the title has the unit.
        columns.extend([
            Column::number("exits"),
            Column::number("%ex").goes(3),
            Column::number("kernel").goes(0),
            Column::number("user").goes(5),
            Column::number("%time"),
            Column::number("avg").goes(4),
            Column::number("max").goes(1),
            Column::number("%uex").goes(2),
        ]);
        let all = self.found.rows.iter().map(|row| time(&row.counts)).sum();
        let texts = |name: String, what: String, at: String, counts: &Counts| {
            let mut texts = vec![name];
            if self.found.with_key {
                texts.push(what);
            }
            if self.found.with_ip {
                texts.push(at);
            }
            texts.extend([
                counts.exits.to_string(),
                table::share(counts.exits, self.found.exits),
                counts.cycles.to_string(),
                counts.user_cycles.to_string(),
                table::share(time(counts), all),
                counts
                    .cycles
                    .checked_div(counts.exits)
                    .map_or_else(|| "-".to_owned(), |average| average.to_string()),
                match counts.longest {
                    0 => "-".to_owned(),
                    longest => longest.to_string(),
                },
                table::share(counts.user_exits, counts.exits),
            ]);
            texts
        };
        let mut rows: Vec<_> = self
            .found
            .rows
            .iter()
            .take(most)
            .map(|row| {
                texts(
                    row.reason.to_string(),
                    self.what(row),
                    row.id
                        .map_or_else(|| "other".to_owned(), |id| self.names.instruction(&id)),
                    &row.counts,
                )
            })
            .collect();
        let more = self.found.rows.get(most..).unwrap_or_default();
        if !more.is_empty() {
            let sum = more
                .iter()
                .fold(Counts::default(), |sum, row| sum.plus(row.counts));
            let more = format!("{} more (-n)", more.len());
            rows.push(texts(more, String::new(), String::new(), &sum));
        }
        table::write_narrow(out, &columns, &rows, width())?;
        Ok(())
    }

    /// Returns the name of a row's key.
    fn what(&self, row: &Row) -> String {
        match self.found.with_key {
            true => self.names.what_of(row.reason, row.id),
            false => String::new(),
        }
    }

    fn columns(&self, row: &Row) -> Columns {
        let of = |id| Columns::of(&id, self.found.with_key, self.found.with_ip, self.names);
        row.id.map(of).unwrap_or_default()
    }

    fn json(&self, out: &mut impl Write) -> Result<(), Error> {
        #[derive(Serialize)]
        struct Details {
            of: json::Of,
            source: &'static str,
            vendor: &'static str,
            time: Option<String>,
            seconds: Option<f64>,
            tsc_khz: u32,
            exits: u64,
            cycles: u64,
            details: Vec<Detail>,
        }
        #[derive(Serialize)]
        struct Detail {
            number: u32,
            name: String,
            #[serde(flatten)]
            columns: Columns,
            exits: u64,
            cycles: u64,
            max_cycles: Option<u64>,
            user_exits: u64,
            user_cycles: u64,
        }
        let header = &self.period.end;
        let details = self.found.rows.iter().map(|row| Detail {
            number: row.reason.number,
            name: row.reason.to_string(),
            columns: self.columns(row),
            exits: row.counts.exits,
            cycles: row.counts.cycles,
            max_cycles: row.id.map(|_| row.counts.longest),
            user_exits: row.counts.user_exits,
            user_cycles: row.counts.user_cycles,
        });
        let content = Details {
            of: json::Of::new(
                Subject::Of(self.scope),
                self.period.counts.identity_of(self.scope),
            ),
            source: CountedBy::of(header).word(),
            vendor: vendor(header.isa()),
            time: json::time(header.realtime),
            seconds: self.period.seconds.map(|seconds| seconds.0),
            tsc_khz: header.tsc_khz,
            exits: self.found.exits,
            cycles: self.found.cycles,
            details: details.collect(),
        };
        json::write(out, "details", content)
    }

    fn csv(&self, out: &mut impl Write) -> Result<(), Error> {
        const LATER: [&str; 7] = [
            "exits",
            "cycles",
            "max_cycles",
            "user_exits",
            "user_cycles",
            "tsc_khz",
            "symbol",
        ];
        let header = ["number", "name"].into_iter();
        let header = header.chain(Columns::HEADER).chain(LATER);
        let rows = self.found.rows.iter().map(|row| {
            let mut cells = vec![row.reason.number.to_string(), row.reason.to_string()];
            let columns = self.columns(row);
            let symbol = columns.symbol();
            cells.extend(columns.cells(self.what(row)));
            cells.extend([
                row.counts.exits.to_string(),
                row.counts.cycles.to_string(),
                csv::cell(row.id.map(|_| row.counts.longest)),
                row.counts.user_exits.to_string(),
                row.counts.user_cycles.to_string(),
                self.period.end.tsc_khz.to_string(),
                symbol,
            ]);
            cells
        });
        let header = header.map(str::to_owned).collect();
        csv::write(out, std::iter::once(header).chain(rows))
    }
}
