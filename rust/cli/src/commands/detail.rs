// SPDX-License-Identifier: GPL-2.0

//! `exitstat detail`: what exits were about.

use super::report;
use crate::{
    cli::{DetailArgs, DetailSort, Format, LookArgs},
    counted_by::CountedBy,
    detail::{name, with_keys, Columns, Details},
    error::Error,
    model::{Counters, Period, Scope},
    output::{self, csv, json, table},
    reason::{is_one_of, vendor, Reason},
    source::{capture::Capture, Source},
    view::{not_there, Subject},
};
use exitstat_core::{
    detail::{Counts, Identity, CONTEXT_CPL, CONTEXT_NESTED},
    key::has_keys,
};
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
    let details = period.details.as_ref();
    let captured = details.filter(|details| period.end.detail != 0 || !details.is_empty());
    captured.ok_or_else(|| {
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

/// A row: the exits of a reason with an identity, or its other ones.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    reason: Reason,
    id: Option<Identity>,
    counts: Counts,
}

/// What was found.
struct Found<'a> {
    period: &'a Period,
    subject: Subject,
    rows: Vec<Row>,
    exits: u64,
    cycles: u64,
    with_key: bool,
    with_ip: bool,
}

impl<'a> Found<'a> {
    fn of(period: &'a Period, scope: Scope, args: &DetailArgs) -> Result<Self, Error> {
        let details = details(period)?;
        let reasons = period
            .counts
            .by_vcpus(scope)
            .ok_or_else(|| not_there(scope))?;
        let entries = details.by(scope).unwrap_or_default();
        let isa = period.end.isa();
        let wanted = |reason| is_one_of(&args.reason, reason);
        let mut rows: Vec<Row> = entries
            .iter()
            .map(|(id, counts)| Row {
                reason: Reason {
                    isa,
                    number: id.reason,
                },
                id: Some(*id),
                counts: *counts,
            })
            .filter(|row| wanted(row.reason))
            .collect();
        let (mut exits, mut cycles) = (0, 0);
        for (reason, counters) in reasons.iter().filter(|(reason, _)| wanted(*reason)) {
            exits += counters.exits;
            cycles += counters.cycles;
            let captured = rows.iter().filter(|row| row.reason == reason);
            let sum = captured.fold(Counts::default(), |sum, row| sum.plus(row.counts));
            let counts = rest(counters, &sum);
            if counts.exits != 0 {
                rows.push(Row {
                    reason,
                    id: None,
                    counts,
                });
            }
        }
        let key = |row: &Row| match args.sort {
            DetailSort::Exits => row.counts.exits,
            DetailSort::Cycles => row.counts.cycles,
            DetailSort::User => row.counts.user_exits,
            DetailSort::Max => row.counts.longest,
        };
        rows.sort_by_key(|row| std::cmp::Reverse(key(row)));
        Ok(Self {
            period,
            subject: Subject::Of(scope),
            with_key: with_keys(&period.end),
            with_ip: rows.iter().any(|row| row.id.is_some_and(|id| id.ip != 0)),
            rows,
            exits,
            cycles,
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
        if self.with_key {
            columns.push(("what", false));
        }
        if self.with_ip {
            columns.push(("instruction", false));
        }
        columns.extend(
            ["exits", "%exits", "%time", "avg(cy)", "max(cy)", "%user"].map(|head| (head, true)),
        );
        let share = |part: u64, of: u64| table::percent((of != 0).then(|| part as f64 / of as f64));
        let texts = |name: String, what: String, at: String, counts: &Counts| {
            let mut texts = vec![name];
            if self.with_key {
                texts.push(what);
            }
            if self.with_ip {
                texts.push(at);
            }
            texts.extend([
                counts.exits.to_string(),
                share(counts.exits, self.exits),
                share(counts.cycles, self.cycles),
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
        let more = self.rows.get(most..).unwrap_or_default();
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
        match row.id {
            _ if !self.with_key || !has_keys(row.reason.number) => String::new(),
            None => "other".to_owned(),
            Some(id) => name(id.reason, id.key),
        }
    }

    fn columns(&self, row: &Row) -> Columns {
        let of = |id| Columns::of(&id, self.with_key, self.with_ip);
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
        let details = self.rows.iter().map(|row| Detail {
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
            exits: self.exits,
            cycles: self.cycles,
            details: details.collect(),
        };
        json::write(out, "details", content)
    }

    fn csv(&self, out: &mut impl Write) -> Result<(), Error> {
        const HEADER: [&str; 13] = [
            "number",
            "name",
            "key",
            "what",
            "instruction_pointer",
            "cpl",
            "nested",
            "exits",
            "cycles",
            "max_cycles",
            "user_exits",
            "user_cycles",
            "tsc_khz",
        ];
        let rows = self.rows.iter().map(|row| {
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
        csv::write(
            out,
            [HEADER.map(str::to_owned).to_vec()].into_iter().chain(rows),
        )
    }
}

/// Where in the guest: the instruction pointer, and who ran.
pub(super) fn instruction(id: &Identity) -> String {
    if id.ip == 0 {
        return String::new();
    }
    let nested = if id.context & CONTEXT_NESTED != 0 {
        " L2"
    } else {
        ""
    };
    let who = match id.context & CONTEXT_CPL {
        0 => "",
        _ => " user",
    };
    format!("{:#x}{who}{nested}", id.ip)
}

/// What is counted of a reason and is in no row.
fn rest(all: &Counters, captured: &Counts) -> Counts {
    Counts {
        exits: all.exits.saturating_sub(captured.exits),
        cycles: all.cycles.saturating_sub(captured.cycles),
        // It may be one of those that are captured.
        longest: 0,
        user_exits: all.user_exits.saturating_sub(captured.user_exits),
        user_cycles: all.user_cycles.saturating_sub(captured.user_cycles),
    }
}
