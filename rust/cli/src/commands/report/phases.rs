// SPDX-License-Identifier: GPL-2.0

//! `exitstat report --phases`: prints one line per phase.

use crate::{
    cli::{Format, PrintArgs, ReportArgs, RowsArgs, Sort},
    counted_by::CountedBy,
    error::Error,
    output::{csv, fit::Column, json, table, width},
    source::recording::Recording,
    view::{not_there, View},
    vm::wanted::scope,
};
use serde::Serialize;
use std::io::Write;

/// Number of reasons in the table.
const NAMED: usize = 3;

/// Label of the phase before the first mark.
pub const BEGIN: &str = "(begin)";

#[derive(Serialize)]
struct Phases {
    phases: Vec<Phase>,
}

#[derive(Serialize)]
struct Phase {
    mark: Option<String>,
    begin_seconds: f64,
    #[serde(flatten)]
    exits: json::Exits,
}

/// Prints the phases.
pub fn print(
    mut out: impl Write,
    recording: &Recording,
    args: &ReportArgs,
    print: &PrintArgs,
) -> Result<(), Error> {
    let scope = scope(&args.scope, &recording.period.counts)?;
    let rows = RowsArgs {
        sort: Sort::Exits,
        ..RowsArgs::default()
    };
    // A scope that never exists is an error. It need not exist all the time.
    if !recording.period.counts.has(scope) {
        return Err(not_there(scope));
    }
    let mut begin = 0.0;
    let mut phases = Vec::new();
    for phase in &recording.phases {
        let view = View::of_interval(&phase.period, scope, &rows);
        let seconds = view.seconds.unwrap_or(0.0);
        phases.push((phase.label.as_str(), begin, view));
        begin += seconds;
    }
    match print.format {
        Format::Table => {
            let all: u64 = phases
                .iter()
                .map(|(_, _, v)| v.total.line.tally.exits)
                .sum();
            let texts: Vec<_> = phases
                .iter()
                .map(|(label, begin, view)| texts(label, *begin, view, all, print.time))
                .collect();
            let unit = match args.print.time {
                true => "ms",
                false => CountedBy::of(&recording.period.end).unit(),
            };
            let columns = [
                Column::text("phase"),
                Column::number("begin(s)").goes(1),
                Column::number("seconds"),
                Column::number("exits"),
                Column::number("%exits").goes(2),
                Column::number("exits/s").goes(3),
                Column::number(format!("kernel({unit})")),
                Column::number(format!("user({unit})")),
                Column::text("most frequent").goes(0),
            ];
            table::write(&mut out, &columns, &texts, width())?;
        }
        Format::Json => {
            let phases = phases.iter().map(|(label, begin, view)| Phase {
                mark: (!label.is_empty()).then(|| (*label).to_owned()),
                begin_seconds: *begin,
                exits: json::exits(view),
            });
            let phases = phases.collect();
            json::write(&mut out, "phases", Phases { phases })?;
        }
        Format::Csv => {
            let header = "mark,begin_seconds,seconds,number,name,exits,exits_per_second,cycles,\
                          user_exits,user_cycles";
            let header = header.split(',').map(str::to_owned).collect();
            let rows = phases.iter().flat_map(|(label, begin, view)| {
                view.rows.iter().chain([&view.total]).map(move |row| {
                    let figures = view.figures(row);
                    let detail = row.line.detail.as_ref();
                    vec![
                        (*label).to_owned(),
                        begin.to_string(),
                        csv::cell(view.seconds),
                        csv::cell(row.reason.map(|reason| reason.number)),
                        row.name(),
                        figures.exits.to_string(),
                        csv::cell(figures.exits_per_second),
                        csv::cell(figures.cycles),
                        csv::cell(detail.map(|detail| detail.user_exits)),
                        csv::cell(detail.map(|detail| detail.user_cycles)),
                    ]
                })
            });
            csv::write(&mut out, std::iter::once(header).chain(rows))?;
        }
    }
    out.flush()?;
    Ok(())
}

fn texts(label: &str, begin: f64, view: &View, all: u64, time: bool) -> Vec<String> {
    let total = view.figures(&view.total);
    let frequent = view.rows.iter().take(NAMED).map(|row| {
        let share = view.figures(row).exits_share.unwrap_or(0.0);
        format!("{} {:.0} %", row.name(), share * 100.0)
    });
    let frequent: Vec<_> = frequent.collect();
    let sum = |cycles: Option<u64>| {
        let text = |cycles: u64| match view.seconds_of(cycles as f64).filter(|_| time) {
            Some(seconds) => format!("{:.1}", seconds * 1e3),
            None => cycles.to_string(),
        };
        cycles.map_or_else(|| "-".to_owned(), text)
    };
    vec![
        match label {
            "" => BEGIN.to_owned(),
            label => label.to_owned(),
        },
        format!("{begin:.1}"),
        format!("{:.1}", view.seconds.unwrap_or(0.0)),
        total.exits.to_string(),
        format!("{:.1}", total.exits as f64 / all.max(1) as f64 * 100.0),
        format!("{:.0}", total.exits_per_second.unwrap_or(0.0)),
        sum(total.cycles),
        sum(total.user_cycles),
        frequent.join(", "),
    ]
}
