// SPDX-License-Identifier: GPL-2.0

//! `exitstat detail`: what exits were about.

use super::report;
use crate::{
    cli::{DetailArgs, DetailSort, Format, LookArgs},
    counted_by::CountedBy,
    detail::{instruction, Columns, Details, Row, Rows},
    error::Error,
    model::{Period, Scope},
    output::{self, csv, json, table},
    reason::vendor,
    source::{capture::Capture, Source},
    view::{not_there, Subject},
};
use exitstat_core::detail::Counts;
use serde::Serialize;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};
use std::{
    io::Write,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

/// Carries it out.
///
/// # Errors
///
/// There are no details, the scope is not there, or nothing can be written.
pub fn run(args: &DetailArgs) -> Result<(), Error> {
    let scope = Scope::from(&args.scope);
    if let Scope::Cpu(_) = scope {
        return Err(Error::Usage(
            "details are of vCPUs, not of CPUs: use --vm, or neither".to_owned(),
        ));
    }
    let period = period(&args.look)?;
    let found = Found::of(&period, scope, args)?;
    found.print(&mut output::stdout(), args)
}

/// What there is to show.
///
/// # Errors
///
/// It cannot be captured, or not be read.
pub(super) fn period(args: &LookArgs) -> Result<Period, Error> {
    if let Some(path) = &args.source.from {
        return Ok(report::open(path)?.period);
    }
    let _capture = args.capture.map(Capture::begin).transpose()?;
    let mut source = Source::open(&args.source)?.with_details();
    let first = source.first()?;
    let Some(interval) = args.interval else {
        return Ok(Period::since_load(first));
    };
    wait(interval)?;
    Ok(Period::between(&first, &source.first()?))
}

/// The details of a period.
///
/// # Errors
///
/// There are none; it says how to have some.
pub(super) fn details(period: &Period) -> Result<&Details, Error> {
    period.captured().ok_or_else(|| {
        Error::Failed(match CountedBy::of(&period.end) {
            CountedBy::Device => "no details were captured here.\n\
                For some seconds, as root: exitstat detail --capture key -i 10\n\
                For good: echo key >/sys/module/kvm_exitstat/parameters/detail"
                .to_owned(),
            _ => "details are captured by the module only, and BPF counted here (README.md says how to install it)"
                .to_owned(),
        })
    })
}

/// Waits so long, or until Ctrl-C.
fn wait(interval: Duration) -> Result<(), Error> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            let _ = sender.send(());
        }
    });
    match ended.recv_timeout(interval) {
        Ok(()) | Err(RecvTimeoutError::Timeout) => Ok(()),
        Err(RecvTimeoutError::Disconnected) => Err(Error::Failed("no signals".to_owned())),
    }
}

/// What was found.
struct Found<'a> {
    period: &'a Period,
    subject: Subject,
    found: Rows,
}

impl<'a> Found<'a> {
    fn of(period: &'a Period, scope: Scope, args: &DetailArgs) -> Result<Self, Error> {
        let found = Rows::of(period, details(period)?, scope, &args.reason);
        let mut found = found.ok_or_else(|| not_there(scope))?;
        found.sort(|counts| match args.sort {
            DetailSort::Exits => counts.exits,
            DetailSort::Cycles => counts.cycles,
            DetailSort::User => counts.user_exits,
            DetailSort::Max => counts.longest,
        });
        Ok(Self {
            period,
            subject: Subject::Of(scope),
            found,
        })
    }

    fn print(&self, out: &mut impl Write, args: &DetailArgs) -> Result<(), Error> {
        match args.output {
            Format::Table => self.table(out, args.rows)?,
            Format::Json => self.json(out)?,
            Format::Csv => self.csv(out)?,
        }
        out.flush()?;
        Ok(())
    }

    fn table(&self, out: &mut impl Write, most: usize) -> Result<(), Error> {
        let seconds = self
            .period
            .seconds
            .map(|seconds| format!("  {:.3} s", seconds.0));
        writeln!(
            out,
            "{}  {}{}",
            table::clock(self.period.end.realtime),
            self.subject,
            seconds.unwrap_or_default()
        )?;
        let mut columns = vec![("reason", false)];
        if self.found.with_key {
            columns.push(("what", false));
        }
        if self.found.with_ip {
            columns.push(("instruction", false));
        }
        columns.extend(
            ["exits", "%exits", "%time", "avg(cy)", "max(cy)", "%user"].map(|head| (head, true)),
        );
        let share = |part: u64, of: u64| table::percent((of != 0).then(|| part as f64 / of as f64));
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
                share(counts.exits, self.found.exits),
                share(counts.cycles, self.found.cycles),
                counts
                    .cycles
                    .checked_div(counts.exits)
                    .map_or_else(|| "-".to_owned(), |average| average.to_string()),
                match counts.longest {
                    0 => "-".to_owned(),
                    longest => longest.to_string(),
                },
                share(counts.user_exits, counts.exits),
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
                        .map_or_else(|| "other".to_owned(), |id| instruction(&id)),
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
        table::write(out, &columns, &rows)?;
        Ok(())
    }

    /// What a row's exits were about.
    fn what(&self, row: &Row) -> String {
        match self.found.with_key {
            true => row.what(),
            false => String::new(),
        }
    }

    fn columns(&self, row: &Row) -> Columns {
        let of = |id| Columns::of(&id, self.found.with_key, self.found.with_ip);
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
            of: self.subject.into(),
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
        const NUMBERS: [&str; 6] = [
            "exits",
            "cycles",
            "max_cycles",
            "user_exits",
            "user_cycles",
            "tsc_khz",
        ];
        let header = ["number", "name"].into_iter();
        let header = header.chain(Columns::HEADER).chain(NUMBERS);
        let rows = self.found.rows.iter().map(|row| {
            let mut cells = vec![row.reason.number.to_string(), row.reason.to_string()];
            cells.extend(self.columns(row).cells(self.what(row)));
            cells.extend([
                row.counts.exits.to_string(),
                row.counts.cycles.to_string(),
                csv::cell(row.id.map(|_| row.counts.longest)),
                row.counts.user_exits.to_string(),
                row.counts.user_cycles.to_string(),
                self.period.end.tsc_khz.to_string(),
            ]);
            cells
        });
        let header = header.map(str::to_owned).collect();
        csv::write(out, std::iter::once(header).chain(rows))
    }
}
