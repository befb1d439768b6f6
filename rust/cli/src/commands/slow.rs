// SPDX-License-Identifier: GPL-2.0

//! `exitstat slow`: lists the slowest exits.

use super::{
    look::{details, period},
    names::Wanted,
};
use crate::{
    cli::{Format, SlowArgs, ROWS},
    counted_by::CountedBy,
    detail::{with_keys, Columns, Names},
    error::Error,
    model::{Period, Scope},
    output::{self, csv, fit::Column, json, table, width},
    reason::{is_one_of, vendor, Reason},
    view::not_there,
};
use exitstat_core::{
    detail::Identity,
    key::has_keys,
    snapshot::{Header, SlowRow},
};
use serde::Serialize;
use std::{cmp::Reverse, io::Write, process::ExitCode};

/// Runs the command.
///
/// # Errors
///
/// There are no details, or writing fails.
pub fn run(args: &SlowArgs) -> Result<ExitCode, Error> {
    let wanted = Wanted::begin(&args.names, &args.look, args.vm.as_ref())?;
    let (period, whole) = period(&args.look)?;
    let (names, vm) = wanted.names(&period)?;
    let slow = &details(&period, args.look.source.from.as_deref())?.slow;
    if let Some(vm) = vm {
        // An ended VM may have left slow exits.
        if !period.counts.vms().contains(&vm) && slow.iter().all(|row| row.vm != vm) {
            return Err(not_there(Scope::Vm(vm)));
        }
    }
    let reasons = args.reasons.wanted();
    let mut exits: Vec<Exit> = slow
        .iter()
        .filter(|row| vm.is_none_or(|vm| row.vm == vm))
        .map(|row| Exit::of(row, &period.end))
        .filter(|exit| is_one_of(&reasons, exit.reason))
        .collect();
    exits.sort_by_key(|exit| (Reverse(exit.cycles), exit.time));
    let mut out = output::stdout();
    match args.format {
        Format::Table => as_table(&mut out, &exits, args.rows.unwrap_or(ROWS), &period, &names)?,
        Format::Json => as_json(&mut out, &exits, &period, &names)?,
        Format::Csv => as_csv(&mut out, &exits, &names)?,
    }
    out.flush()?;
    Ok(super::done(whole))
}

/// A slow exit.
struct Exit {
    /// End of the exit in nanoseconds since 1970.
    time: u64,
    vm: u64,
    vcpu: u32,
    reason: Reason,
    id: Identity,
    has_key: bool,
    cycles: u64,
    seconds: Option<f64>,
}

impl Exit {
    fn of(row: &SlowRow, end: &Header) -> Self {
        let id = Identity {
            reason: row.reason,
            key: row.key,
            ip: row.ip,
            context: row.context,
        };
        let khz = (end.tsc_khz != 0).then_some(f64::from(end.tsc_khz) * 1e3);
        let before = khz.map(|khz| end.tsc.saturating_sub(row.tsc) as f64 / khz * 1e9);
        Self {
            time: end.realtime.saturating_sub(before.unwrap_or(0.0) as u64),
            vm: row.vm,
            vcpu: row.vcpu,
            reason: Reason {
                isa: end.isa(),
                number: row.reason,
            },
            id,
            has_key: with_keys(end) && has_keys(row.reason),
            cycles: row.cycles,
            seconds: khz.map(|khz| row.cycles as f64 / khz),
        }
    }

    fn columns(&self, names: &Names) -> Columns {
        Columns::of(&self.id, self.has_key, self.id.ip != 0, names)
    }

    fn what(&self, names: &Names) -> String {
        match self.has_key {
            true => names.what(&self.id),
            false => String::new(),
        }
    }
}

fn as_table(
    out: &mut impl Write,
    exits: &[Exit],
    most: usize,
    period: &Period,
    names: &Names,
) -> Result<(), Error> {
    if exits.is_empty() {
        writeln!(out, "No slow exit matches.")?;
        return Ok(());
    }
    let with_ip = exits.iter().any(|exit| exit.id.ip != 0);
    let mut columns = vec![
        Column::text("when"),
        Column::number("us"),
        Column::number("cycles").goes(1),
        Column::number("vm"),
        Column::number("vCPU").goes(0),
        Column::text("reason"),
        Column::text("what"),
    ];
    if with_ip {
        columns.push(Column::text("instruction"));
    }
    let rows: Vec<_> = exits
        .iter()
        .take(most)
        .map(|exit| {
            let ms = exit.time / 1_000_000 % 1000;
            let clock = table::clock(exit.time);
            // The heading has the date.
            let time = clock.split(' ').nth(1).unwrap_or(&clock);
            let us = exit.seconds.map(|seconds| format!("{:.1}", seconds * 1e6));
            let mut row = vec![
                format!("{time}.{ms:03}"),
                us.unwrap_or_else(|| "-".to_owned()),
                exit.cycles.to_string(),
                exit.vm.to_string(),
                exit.vcpu.to_string(),
                exit.reason.to_string(),
                exit.what(names),
            ];
            if with_ip {
                row.push(names.instruction(&exit.id));
            }
            row
        })
        .collect();
    let head = table::clock(period.end.realtime);
    writeln!(out, "{head}  the slowest exits")?;
    table::write(out, &columns, &rows, width())?;
    Ok(())
}

fn as_json(
    out: &mut impl Write,
    exits: &[Exit],
    period: &Period,
    names: &Names,
) -> Result<(), Error> {
    #[derive(Serialize)]
    struct Slow {
        source: &'static str,
        vendor: &'static str,
        tsc_khz: u32,
        slow: Vec<Row>,
    }
    #[derive(Serialize)]
    struct Row {
        time: Option<String>,
        vm: u64,
        vcpu: u32,
        number: u32,
        name: String,
        #[serde(flatten)]
        columns: Columns,
        cycles: u64,
        cycles_seconds: Option<f64>,
    }
    let rows = exits.iter().map(|exit| Row {
        time: json::time(exit.time),
        vm: exit.vm,
        vcpu: exit.vcpu,
        number: exit.reason.number,
        name: exit.reason.to_string(),
        columns: exit.columns(names),
        cycles: exit.cycles,
        cycles_seconds: exit.seconds,
    });
    let header = &period.end;
    let content = Slow {
        source: CountedBy::of(header).word(),
        vendor: vendor(header.isa()),
        tsc_khz: header.tsc_khz,
        slow: rows.collect(),
    };
    json::write(out, "slow", content)
}

fn as_csv(out: &mut impl Write, exits: &[Exit], names: &Names) -> Result<(), Error> {
    let header =
        "time_ns,vm,vcpu,number,name,key,what,instruction_pointer,cpl,nested,cycles,cycles_seconds,symbol";
    let header = header.split(',').map(str::to_owned).collect();
    let rows = exits.iter().map(|exit| {
        let mut cells = vec![
            exit.time.to_string(),
            exit.vm.to_string(),
            exit.vcpu.to_string(),
            exit.reason.number.to_string(),
            exit.reason.to_string(),
        ];
        let columns = exit.columns(names);
        let symbol = columns.symbol();
        cells.extend(columns.cells(exit.what(names)));
        cells.extend([exit.cycles.to_string(), csv::cell(exit.seconds), symbol]);
        cells
    });
    csv::write(out, std::iter::once(header).chain(rows))
}
