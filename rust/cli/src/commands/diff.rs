// SPDX-License-Identifier: GPL-2.0

//! `exitstat diff`: compares two recordings.

use super::look::{details, open};
use crate::{
    cli::{DiffArgs, DiffSort, Format},
    counted_by::CountedBy,
    detail::{Columns, Names, Rows},
    error::Error,
    model::{total, Line, Period, Scope},
    output::{self, csv, fit::Column, json, table, width},
    reason::{is_one_of, name_or_total, number_or_none, Reason},
    view::not_there,
    vm::{text::printable, wanted::vm},
};
use clap::ValueEnum;
use exitstat_core::{detail::Identity, tally::Tally};
use serde::{Serialize, Serializer};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    process::ExitCode,
};

/// A number in both recordings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Value in the first recording.
    #[serde(serialize_with = "number")]
    pub a: f64,
    /// Value in the second recording.
    #[serde(serialize_with = "number")]
    pub b: f64,
    /// Difference.
    #[serde(serialize_with = "number")]
    pub change: f64,
    /// Difference relative to the first value; `None` if that is 0.
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

/// Counts are serialized as integers.
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
    /// The reason; `None` for the total.
    #[serde(skip)]
    pub reason: Option<Reason>,
    /// Reason number.
    pub number: Option<u32>,
    /// Reason name.
    pub name: String,
    /// Key and instruction of the exits, if details are compared.
    #[serde(flatten)]
    pub columns: Option<Columns>,
    /// The same in words.
    #[serde(skip)]
    pub what: String,
    /// Exits.
    pub exits: Change,
    /// Cycles in the kernel, or nanoseconds if BPF made either recording. `None` if times are not compared.
    pub cycles: Option<Change>,
    /// Cycles of wall time in userspace.
    pub user_cycles: Option<Change>,
}

impl Row {
    /// Returns the sum of rows that are not shown.
    fn sum(rows: &[Self]) -> Self {
        let sum = |of: &dyn Fn(&Self) -> Option<Change>| {
            let changes = rows.iter().filter_map(of);
            let (a, b) = changes.fold((0.0, 0.0), |sum, change| {
                (sum.0 + change.a, sum.1 + change.b)
            });
            Change::new(a, b)
        };
        Self {
            reason: None,
            number: None,
            name: format!("{} more (-n)", rows.len()),
            columns: None,
            what: String::new(),
            exits: sum(&|row| Some(row.exits)),
            cycles: rows
                .iter()
                .any(|row| row.cycles.is_some())
                .then(|| sum(&|row| row.cycles)),
            user_cycles: rows
                .iter()
                .any(|row| row.user_cycles.is_some())
                .then(|| sum(&|row| row.user_cycles)),
        }
    }

    /// Returns the size of the change that rows are sorted by.
    fn changed(&self, sort: DiffSort) -> f64 {
        let change = |change: Option<Change>| change.map_or(0.0, |change| change.change);
        let changed = match sort {
            DiffSort::Exits => self.exits.change,
            DiffSort::Time => change(self.cycles) + change(self.user_cycles),
            DiffSort::Cycles => change(self.cycles),
            DiffSort::UserCycles => change(self.user_cycles),
        };
        changed.abs()
    }

    /// Returns whether nothing changed.
    fn is_same(&self) -> bool {
        let changes = [Some(self.exits), self.cycles, self.user_cycles];
        changes
            .into_iter()
            .flatten()
            .all(|change| change.change == 0.0)
    }
}

/// Runs the command.
///
/// # Errors
///
/// A recording cannot be read, or writing fails.
pub fn run(args: &DiffArgs) -> Result<ExitCode, Error> {
    let open = |path| {
        let mut recording = open(path)?;
        recording.period = recording.part(args.phase.as_deref(), args.until.as_deref())?;
        Ok::<_, Error>(recording)
    };
    let (a, b) = (open(&args.a)?, open(&args.b)?);
    let by = [&a, &b].map(|recording| CountedBy::of(&recording.period.end));
    if args.sort != DiffSort::Exits && unit(by).is_none() {
        let sort = args.sort.to_possible_value();
        let sort = sort.as_ref().map_or("", |sort| sort.get_name());
        return Err(Error::Usage(format!(
            "--sort {sort}: one of the recordings has exits only (--counts), without times"
        )));
    }
    let compared = Compared::of([&a.period, &b.period], args)?;
    if let Some(warning) = not_alike(by) {
        crate::say!("exitstat: {warning}");
    }
    let mut out = output::stdout();
    match args.format {
        Format::Table => {
            let [by_a, by_b] = by;
            for (name, path, recording, by) in [("A", &args.a, &a, by_a), ("B", &args.b, &b, by_b)]
            {
                let seconds = recording.period.seconds;
                let seconds = seconds.map_or_else(
                    || format!("all {}", by.since()),
                    |seconds| format!("{:.3} s", seconds.0),
                );
                let parts = [
                    format!("{name}: {}", printable(&path.to_string_lossy())),
                    seconds,
                    format!("source: {by}"),
                ];
                table::title(&mut out, &parts, width())?;
            }
            compared.print(&mut out, args, unit(by))?;
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
                #[serde(skip_serializing_if = "Option::is_none")]
                reasons: Option<Vec<Row>>,
                #[serde(skip_serializing_if = "Option::is_none")]
                details: Option<Vec<Row>>,
            }
            let Compared { rows, total } = compared;
            let (reasons, details) = match args.details {
                false => (Some(rows), None),
                true => (None, Some(rows)),
            };
            let diff = Diff {
                per_second: args.per_second,
                source_a: by[0].word(),
                source_b: by[1].word(),
                unit: unit(by),
                seconds_a: a.period.seconds.map(|seconds| seconds.0),
                seconds_b: b.period.seconds.map(|seconds| seconds.0),
                total,
                reasons,
                details,
            };
            json::write(&mut out, "diff", diff)?;
        }
        Format::Csv => {
            let what = match args.details {
                false => &[][..],
                true => &Columns::HEADER[..],
            };
            // Names are as in JSON: a field's name follows the name of its object.
            let numbers = "exits_a,exits_b,exits_change,exits_relative,\
                           cycles_a,cycles_b,cycles_change,cycles_relative,\
                           per_second,source_a,source_b,unit,seconds_a,seconds_b,\
                           user_cycles_a,user_cycles_b,user_cycles_change,user_cycles_relative";
            let header = ["number", "name"].iter().chain(what).copied();
            let header = header.chain(numbers.split(','));
            let header = header.map(str::to_owned).collect();
            let rows = compared.rows.iter().chain([&compared.total]).map(|row| {
                let mut cells = vec![csv::cell(row.number), row.name.clone()];
                if args.details {
                    let columns = row.columns.clone().unwrap_or_default();
                    cells.extend(columns.cells(row.what.clone()));
                }
                cells.extend(
                    [Some(row.exits), row.cycles]
                        .into_iter()
                        .flat_map(change_cells),
                );
                cells.push(args.per_second.to_string());
                cells.extend(by.map(|by| by.word().to_owned()));
                cells.push(csv::cell(unit(by)));
                let seconds = [&a, &b].map(|recording| recording.period.seconds);
                cells.extend(seconds.map(|seconds| csv::cell(seconds.map(|seconds| seconds.0))));
                cells.extend(change_cells(row.user_cycles));
                cells
            });
            csv::write(&mut out, std::iter::once(header).chain(rows))?;
        }
    }
    out.flush()?;
    let whole = [&a, &b].iter().all(|one| one.warning().is_none());
    Ok(super::done(whole))
}

/// Formats a change as CSV cells.
fn change_cells(change: Option<Change>) -> [String; 4] {
    let of = |number: fn(Change) -> f64| csv::cell(change.map(number));
    [
        of(|change| change.a),
        of(|change| change.b),
        of(|change| change.change),
        csv::cell(change.and_then(|change| change.relative)),
    ]
}

/// Subject of a row: a reason, or an identity of its exits. With details, no identity stands for other exits.
type Part = (Reason, Option<Identity>);

/// Counters of a subject.
#[derive(Clone, Copy, Default)]
struct Counted {
    tally: Tally,
    user_cycles: u64,
}

impl Counted {
    fn of(line: &Line) -> Self {
        Self {
            tally: line.tally,
            user_cycles: line.detail.as_ref().map_or(0, |detail| detail.user_cycles),
        }
    }
}

/// Counters of each subject in both recordings.
type Both = [BTreeMap<Part, Counted>; 2];

/// Rows, and the total.
struct Compared {
    rows: Vec<Row>,
    total: Row,
}

impl Compared {
    fn of(periods: [&Period; 2], args: &DiffArgs) -> Result<Self, Error> {
        let mut divisors = [1.0; 2];
        if args.per_second {
            for (divisor, period) in divisors.iter_mut().zip(periods) {
                let seconds = period.seconds.filter(|seconds| seconds.0 > 0.0);
                *divisor = seconds
                    .ok_or_else(|| {
                        Error::Incomplete(
                            "--per-second needs at least two snapshots in each recording"
                                .to_owned(),
                        )
                    })?
                    .0;
            }
        }
        // Times stay in their unit if both recordings have the same one. Otherwise they are converted to nanoseconds.
        let unit = unit(periods.map(|period| CountedBy::of(&period.end)));
        let scales = periods.map(|period| match period.end.tsc_khz {
            khz if unit == Some("ns") && khz != 0 => 1e6 / f64::from(khz),
            _ => 1.0,
        });
        let change = |amounts: [u64; 2], scales: [f64; 2]| {
            let [a, b] = [0, 1].map(|i| (amounts[i] as f64 * scales[i]).round() / divisors[i]);
            Change::new(a, b)
        };
        let changes = |both: [Counted; 2]| {
            let exits = change(both.map(|counted| counted.tally.exits), [1.0; 2]);
            let cycles = unit.map(|_| change(both.map(|counted| counted.tally.cycles), scales));
            let user_cycles = unit.map(|_| change(both.map(|counted| counted.user_cycles), scales));
            (exits, cycles, user_cycles)
        };

        let mut scopes = [Scope::Host; 2];
        // The VM may be in one of them only.
        let in_file = |i: usize| {
            let file = [&args.a, &args.b][i].display();
            move |error| match error {
                Error::Usage(why) => Error::Usage(format!("{file}: {why}")),
                error => error,
            }
        };
        for i in [0, 1] {
            let vm = vm(args.vm.as_ref(), &periods[i].counts).map_err(in_file(i))?;
            scopes[i] = vm.map_or(Scope::Host, Scope::Vm);
        }
        let [a, b] = [0, 1].map(|i| periods[i].counts.lines(scopes[i]));
        let lines = [
            a.ok_or_else(|| in_file(0)(not_there(scopes[0])))?,
            b.ok_or_else(|| in_file(1)(not_there(scopes[1])))?,
        ];
        let all = lines
            .each_ref()
            .map(|lines| Counted::of(&total(lines.values())));
        let (exits, cycles, user_cycles) = changes(all);
        let total = Row {
            reason: None,
            number: None,
            name: name_or_total(None),
            columns: None,
            what: String::new(),
            exits,
            cycles,
            user_cycles,
        };
        let (parts, with_key, with_ip) = match args.details {
            true => by_key(periods, scopes, args)?,
            false => (lines.map(|lines| by_reason(&lines, args)), false, false),
        };
        let names = Names::default();
        let mut compared: BTreeSet<Part> = parts.iter().flat_map(BTreeMap::keys).copied().collect();
        if args.all && !args.details {
            let isas = periods.map(|period| period.end.isa());
            let reasons = isas.into_iter().flat_map(Reason::all);
            let wanted = reasons.filter(|&reason| is_one_of(&args.reason, reason));
            compared.extend(wanted.map(|reason| (reason, None)));
        }
        let mut rows: Vec<_> = compared
            .into_iter()
            .map(|part| {
                let (reason, id) = part;
                let of = |parts: &BTreeMap<Part, Counted>| parts.get(&part).copied();
                let both = parts.each_ref().map(|parts| of(parts).unwrap_or_default());
                let (exits, cycles, user_cycles) = changes(both);
                Row {
                    reason: Some(reason),
                    number: Some(reason.number),
                    name: reason.to_string(),
                    columns: args
                        .details
                        .then(|| id.map(|id| Columns::of(&id, with_key, with_ip, &names)))
                        .map(Option::unwrap_or_default),
                    what: match args.details {
                        true => names.about(reason, id, with_key, with_ip),
                        false => String::new(),
                    },
                    exits,
                    cycles,
                    user_cycles,
                }
            })
            .filter(|row| args.all || !row.is_same())
            .collect();
        rows.sort_by(|x, y| y.changed(args.sort).total_cmp(&x.changed(args.sort)));
        Ok(Self { rows, total })
    }
}

/// Returns the counters of each reason.
fn by_reason(lines: &BTreeMap<Reason, Line>, args: &DiffArgs) -> BTreeMap<Part, Counted> {
    lines
        .iter()
        .filter(|(reason, _)| is_one_of(&args.reason, **reason))
        .map(|(&reason, line)| ((reason, None), Counted::of(line)))
        .collect()
}

/// Returns the counters of each identity, and whether identities have keys and instruction pointers.
fn by_key(
    periods: [&Period; 2],
    scopes: [Scope; 2],
    args: &DiffArgs,
) -> Result<(Both, bool, bool), Error> {
    let both = [
        (periods[0], scopes[0], &args.a),
        (periods[1], scopes[1], &args.b),
    ];
    let [a, b] = both.map(|(period, scope, path)| {
        let rows = Rows::of(period, details(period, Some(path))?, scope, &args.reason);
        Ok::<_, Error>(rows.unwrap_or_default())
    });
    let (a, b) = (a?, b?);
    if (a.with_key, a.with_ip) != (b.with_key, b.with_ip) {
        return Err(Error::Usage(
            "the recordings have different details: record both with the same --capture (key, ip or both)"
                .to_owned(),
        ));
    }
    let (with_key, with_ip) = (a.with_key, a.with_ip);
    let parts = [a, b].map(|found| {
        let rows = found.rows.iter();
        let rows = rows.map(|row| {
            let counted = Counted {
                tally: row.tally(),
                user_cycles: row.counts.user_cycles,
            };
            ((row.reason, row.id), counted)
        });
        rows.collect()
    });
    Ok((parts, with_key, with_ip))
}

/// Returns the unit in which times are compared, if they were counted.
fn unit(by: [CountedBy; 2]) -> Option<&'static str> {
    match by {
        [CountedBy::Device, CountedBy::Device] => Some("cycles"),
        [a, b] => (a.has_times() && b.has_times()).then_some("ns"),
    }
}

/// Returns a warning if the recordings do not measure the same times.
fn not_alike([a, b]: [CountedBy; 2]) -> Option<String> {
    if a == b {
        None
    } else if !(a.has_times() && b.has_times()) {
        Some("comparing exits only: one of the recordings has no times (--counts)".to_owned())
    } else {
        Some(format!(
            "A and B measure times differently (A: {a}, B: {b}; see 'exitstat --help')"
        ))
    }
}

/// A compared quantity.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Exits,
    Kernel,
    User,
}

impl Kind {
    fn of(self, row: &Row) -> Option<Change> {
        match self {
            Self::Exits => Some(row.exits),
            Self::Kernel => row.cycles,
            Self::User => row.user_cycles,
        }
    }

    /// Returns its columns. The change that rows are sorted by is never dropped.
    fn columns(self, head: &str, sort: DiffSort) -> [Column; 4] {
        let is_sorted_by = match sort {
            DiffSort::Exits => self == Self::Exits,
            DiffSort::Time => self != Self::Exits,
            DiffSort::Cycles => self == Self::Kernel,
            DiffSort::UserCycles => self == Self::User,
        };
        let short = head.split('(').next().unwrap_or(head);
        let columns = [
            format!("{short} A"),
            format!("{short} B"),
            format!("±{head}"),
            "%".to_owned(),
        ];
        let columns = columns.map(Column::number);
        let [a, b, change, relative] = columns;
        // One by one, so that as many changes stay as fit.
        let place = match self {
            Self::User => 5,
            Self::Kernel => 6,
            Self::Exits => 7,
        };
        match is_sorted_by {
            true => [a.goes(8), b.goes(9), change, relative],
            false => [a.goes(1), b.goes(2), change.goes(place), relative.goes(0)],
        }
    }
}

impl Compared {
    fn print(
        &self,
        out: &mut impl Write,
        args: &DiffArgs,
        unit: Option<&'static str>,
    ) -> Result<(), Error> {
        let per = if args.per_second { "/s" } else { "" };
        let mut shown = vec![(Kind::Exits, format!("exits{per}"))];
        if let Some(unit) = unit {
            let unit = if unit == "ns" { "ns" } else { "cy" };
            shown.push((Kind::Kernel, format!("kernel({unit}{per})")));
            shown.push((Kind::User, format!("user({unit}{per})")));
        }
        if args.details {
            // Details leave room only for the quantity that rows are sorted by.
            let wanted = match (args.sort, unit) {
                (DiffSort::Time, Some(_)) => &[Kind::Kernel, Kind::User][..],
                (DiffSort::Cycles, Some(_)) => &[Kind::Kernel],
                (DiffSort::UserCycles, Some(_)) => &[Kind::User],
                _ => &[Kind::Exits],
            };
            shown.retain(|(kind, _)| wanted.contains(kind));
        }
        let mut columns = match args.details {
            false => vec![Column::number("nr").goes(4), Column::text("reason")],
            true => ["reason", "what"].map(Column::text).to_vec(),
        };
        for (kind, head) in &shown {
            columns.extend(kind.columns(head, args.sort));
        }
        let number = |n: f64| match args.per_second && n.abs() < 100.0 {
            true => format!("{n:.1}"),
            false => format!("{n:.0}"),
        };
        let texts = |row: &Row| {
            let mut texts = match args.details {
                false => vec![number_or_none(row.reason), row.name.clone()],
                true => vec![row.name.clone(), row.what.clone()],
            };
            for change in shown.iter().filter_map(|(kind, _)| kind.of(row)) {
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
        let most = args.rows.unwrap_or(self.rows.len()).min(self.rows.len());
        let (shown, more) = self.rows.split_at(most);
        let more = (!more.is_empty()).then(|| Row::sum(more));
        let rows = shown.iter().chain(&more).chain([&self.total]);
        let rows: Vec<_> = rows.map(texts).collect();
        Ok(table::write(out, &columns, &rows, width())?)
    }
}
