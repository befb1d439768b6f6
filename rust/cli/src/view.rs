// SPDX-License-Identifier: GPL-2.0

//! What a table shows: rows by reason with figures, of somebody, of some time.

use crate::counted_by::CountedBy;
use crate::{
    cli::{PrintArgs, RowsArgs, Sort},
    error::Error,
    model::{total, Counts, Line, Longest, Period, Scope, Unknown},
    reason::{is_one_of, name_or_total, Reason},
    vm::identity::Identity,
};
use clap::ValueEnum;
use exitstat_core::{isa::Isa, tally::Tally};
use std::{cmp::Reverse, collections::BTreeMap, fmt};

/// Whose exits a view has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Of what the module counted.
    Of(Scope),
    /// Of this guest, or of what its host tells it.
    Guest,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(Scope::Host) => f.write_str("host"),
            Self::Of(Scope::Vm(vm)) => write!(f, "VM {vm}"),
            Self::Of(Scope::Vcpu((vm, vcpu))) => write!(f, "VM {vm}, vCPU {vcpu}"),
            Self::Of(Scope::Cpu(cpu)) => write!(f, "CPU {cpu}"),
            Self::Guest => f.write_str("this guest"),
        }
    }
}

/// A subject in words, with the name of its VM if that is known: `VM 3 (debian12), vCPU 0`.
#[must_use]
pub fn with_name(subject: Subject, identity: Option<&Identity>) -> String {
    let name = identity.and_then(Identity::name);
    match (subject, name) {
        (Subject::Of(Scope::Vm(vm)), Some(name)) => format!("VM {vm} ({name})"),
        (Subject::Of(Scope::Vcpu((vm, vcpu))), Some(name)) => {
            format!("VM {vm} ({name}), vCPU {vcpu}")
        }
        (subject, _) => subject.to_string(),
    }
}

/// The error that a scope does not exist.
#[must_use]
pub fn not_there(scope: Scope) -> Error {
    const LIST: &str = "(run 'exitstat vms')";
    Error::Usage(match scope {
        Scope::Host => "the host has no counters".to_owned(),
        Scope::Vm(vm) => format!("no such VM: {vm} {LIST}"),
        Scope::Vcpu((vm, vcpu)) => format!("no such vCPU: {vcpu} of VM {vm} {LIST}"),
        Scope::Cpu(cpu) => format!("no such CPU: {cpu}"),
    })
}

/// Says whose last exits are not known, if any of a scope are not.
#[must_use]
pub fn unknown_last_exits(counts: &Counts, scope: Scope) -> Option<String> {
    let (others, known) = match counts.unknown_last_exits(scope)? {
        Unknown::InVm => ("other vCPUs of its VM", "that VM"),
        Unknown::InHost => ("another VM", "the host"),
    };
    let subject = Subject::Of(scope);
    Some(format!(
        "{subject} ended between the same snapshots as {others}: its last exits are counted for {known} only"
    ))
}

/// The word for an order, as on the command line.
#[must_use]
pub fn sort_name(sort: Sort) -> String {
    let value = sort.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

/// Makes sure that who counted has what is asked for.
///
/// # Errors
///
/// It was not counted: the option would do nothing.
pub fn is_counted(by: CountedBy, rows: &RowsArgs, print: &PrintArgs) -> Result<(), Error> {
    let needs_times = match rows.sort {
        Sort::UserCycles | Sort::Avg | Sort::P99 | Sort::Max | Sort::User => {
            Some(format!("--sort {}", sort_name(rows.sort)))
        }
        // `time` is the default, and `cycles` was.
        Sort::Time | Sort::Cycles | Sort::Exits | Sort::Reason => {
            print.time.then(|| "--time".to_owned())
        }
    };
    match (by, needs_times) {
        (CountedBy::Bpf { .. }, _) if print.nested => Err(Error::Usage(
            "--nested needs the module: BPF does not distinguish exits of nested guests".to_owned(),
        )),
        (_, Some(option)) if !by.has_times() => Err(Error::Usage(format!(
            "{option}: only exits were counted (--counts), without times"
        ))),
        _ => Ok(()),
    }
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The reason; `None` of all together.
    pub reason: Option<Reason>,
    /// What was counted.
    pub line: Line,
}

impl Row {
    /// The reason's name, or `total`.
    #[must_use]
    pub fn name(&self) -> String {
        name_or_total(self.reason)
    }

    fn longest(&self) -> Option<Longest> {
        self.line.detail.as_ref()?.longest()
    }

    /// A number to sort by: the largest is first.
    fn sort_key(&self, sort: Sort) -> u64 {
        let Tally { exits, cycles } = self.line.tally;
        let detail = self.line.detail.as_ref();
        let user_cycles = detail.map_or(0, |d| d.user_cycles);
        match sort {
            Sort::Time => cycles.wrapping_add(user_cycles),
            Sort::Cycles => cycles,
            Sort::UserCycles => user_cycles,
            Sort::Exits => exits,
            Sort::Avg => cycles.checked_div(exits).unwrap_or(0),
            Sort::P99 => detail.and_then(|d| d.percentile(99)).unwrap_or(0),
            Sort::Max => self.longest().map_or(0, Longest::at_least),
            Sort::User => detail.map_or(0, |d| d.user_exits),
            Sort::Reason => u64::MAX - self.reason.map_or(0, |reason| reason.number.into()),
        }
    }
}

/// A table's content.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Whose exits.
    pub subject: Subject,
    /// Who its VM is, if that is known.
    pub identity: Option<Identity>,
    /// Whose CPU it is.
    pub isa: Isa,
    /// Who counted; `None` if the host told.
    pub counted_by: Option<CountedBy>,
    /// When it ended, in nanoseconds since 1970, if that is known.
    pub realtime: Option<u64>,
    /// The host's name, if it is known.
    pub host_name: Option<String>,
    /// Whether it is the average over several intervals.
    pub is_average: bool,
    /// How long it was; `None` if since the module was loaded.
    pub seconds: Option<f64>,
    /// The TSC's frequency, if it is known.
    pub tsc_khz: Option<u32>,
    /// How often the module was loaded again.
    pub reloads: u32,
    /// vCPUs that are in the host's exits and cycles only.
    pub unattached: u64,
    /// Of a guest: another number when its counters began anew, if the host tells.
    pub generation: Option<u32>,
    /// What the rows are sorted by.
    pub sort: Sort,
    /// The rows.
    pub rows: Vec<Row>,
    /// All reasons together, those included that have no row here.
    pub total: Row,
}

impl View {
    /// Of a period; `None` if the scope is not there.
    #[must_use]
    pub fn of(period: &Period, scope: Scope, args: &RowsArgs) -> Option<Self> {
        let lines = period.counts.lines(scope)?;
        Some(Self::of_lines(lines, period, scope, args))
    }

    /// Of a period in which the scope may be gone: it took no exits then.
    #[must_use]
    pub fn of_interval(period: &Period, scope: Scope, args: &RowsArgs) -> Self {
        let lines = period.counts.lines(scope).unwrap_or_default();
        Self::of_lines(lines, period, scope, args)
    }

    fn of_lines(
        lines: BTreeMap<Reason, Line>,
        period: &Period,
        scope: Scope,
        args: &RowsArgs,
    ) -> Self {
        let mut line = total(lines.values());
        if !matches!(scope, Scope::Cpu(_)) {
            // Also if there is no row.
            line.detail.get_or_insert_default();
        }
        let counted_by = CountedBy::of(&period.end);
        let mut args = args.clone();
        if !counted_by.has_times() && matches!(args.sort, Sort::Time | Sort::Cycles) {
            args.sort = Sort::Exits;
        }
        Self {
            subject: Subject::Of(scope),
            identity: period.counts.identity_of(scope).cloned(),
            isa: period.end.isa(),
            counted_by: Some(counted_by),
            realtime: Some(period.end.realtime),
            host_name: None,
            is_average: false,
            seconds: period.seconds.map(|seconds| seconds.0),
            tsc_khz: Some(period.end.tsc_khz).filter(|&khz| khz != 0),
            reloads: period.reloads,
            unattached: period.end.unattached,
            generation: None,
            sort: args.sort,
            rows: rows(lines, period.end.isa(), &args),
            total: Row { reason: None, line },
        }
    }

    /// Of what a guest was told.
    #[must_use]
    pub fn of_guest(total: Tally, reasons: &[(Reason, Tally)], args: &RowsArgs) -> Self {
        let line = |tally| Line {
            tally,
            detail: None,
        };
        let lines = reasons.iter().map(|&(reason, tally)| (reason, line(tally)));
        Self {
            subject: Subject::Guest,
            identity: None,
            isa: Isa::Vmx,
            counted_by: None,
            realtime: None,
            host_name: None,
            is_average: false,
            seconds: None,
            tsc_khz: None,
            reloads: 0,
            unattached: 0,
            generation: None,
            sort: args.sort,
            rows: rows(lines.collect(), Isa::Vmx, args),
            total: Row {
                reason: None,
                line: line(total),
            },
        }
    }

    /// The subject in words.
    #[must_use]
    pub fn title(&self) -> String {
        with_name(self.subject, self.identity.as_ref())
    }

    /// Whether it has vCPUs' counters: time in userspace, percentiles, the longest exit.
    #[must_use]
    pub fn has_detail(&self) -> bool {
        self.has_times() && !matches!(self.subject, Subject::Guest | Subject::Of(Scope::Cpu(_)))
    }

    /// Whether more than exits was counted.
    #[must_use]
    pub fn has_times(&self) -> bool {
        self.counted_by.is_none_or(CountedBy::has_times)
    }

    /// The figures of a row.
    #[must_use]
    pub fn figures(&self, row: &Row) -> Figures {
        let share = |part: u64, all: u64| (all != 0).then(|| part as f64 / all as f64);
        let Tally { exits, cycles } = row.line.tally;
        let timed = self.has_times();
        let time = |row: &Row| Some(row.line.time()?).filter(|_| timed);
        let timed_detail = row.line.detail.as_ref().filter(|_| timed);
        Figures {
            exits,
            exits_per_second: self
                .seconds
                .filter(|&seconds| seconds > 0.0)
                .map(|seconds| exits as f64 / seconds),
            exits_share: share(exits, self.total.line.tally.exits),
            cycles: timed.then_some(cycles),
            cycles_share: share(cycles, self.total.line.tally.cycles),
            user_cycles: timed_detail.map(|detail| detail.user_cycles),
            time_cycles: time(row),
            time_share: time(row)
                .zip(time(&self.total))
                .and_then(|(part, all)| share(part, all)),
            average: row.line.average().filter(|_| timed),
            p50: timed_detail.and_then(|detail| detail.percentile(50)),
            p99: timed_detail.and_then(|detail| detail.percentile(99)),
            longest: row.longest().filter(|_| timed),
            user_share: row.line.user_share().filter(|_| timed),
        }
    }

    /// Cycles as seconds, if the TSC's frequency is known.
    #[must_use]
    pub fn seconds_of(&self, cycles: f64) -> Option<f64> {
        Some(cycles / (f64::from(self.tsc_khz?) * 1e3))
    }
}

/// What is computed of a row. Shares are from 0 to 1; times in cycles, which are nanoseconds if BPF counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// Exits.
    pub exits: u64,
    /// Exits a second.
    pub exits_per_second: Option<f64>,
    /// Of all exits.
    pub exits_share: Option<f64>,
    /// Cycles in the kernel, if they were counted.
    pub cycles: Option<u64>,
    /// Of all cycles that the kernel spent on exits.
    pub cycles_share: Option<f64>,
    /// Cycles of wall time in userspace; `None` of a CPU and of a guest.
    pub user_cycles: Option<u64>,
    /// Both together.
    pub time_cycles: Option<u64>,
    /// Of both together, of all exits.
    pub time_share: Option<f64>,
    /// Cycles in the kernel per exit.
    pub average: Option<f64>,
    /// That half of the exits did not exceed: an upper bound.
    pub p50: Option<u64>,
    /// That 99 % of the exits did not exceed: an upper bound.
    pub p99: Option<u64>,
    /// The longest exit.
    pub longest: Option<Longest>,
    /// Exits that userspace had to finish, of all exits of this reason.
    pub user_share: Option<f64>,
}

/// The rows that are asked for, in the order that is.
fn rows(mut lines: BTreeMap<Reason, Line>, isa: Isa, args: &RowsArgs) -> Vec<Row> {
    if args.all {
        for reason in Reason::all(isa) {
            lines.entry(reason).or_default();
        }
    }
    let mut rows: Vec<_> = lines
        .into_iter()
        .filter(|&(reason, _)| is_one_of(&args.reason, reason))
        .map(|(reason, line)| Row {
            reason: Some(reason),
            line,
        })
        .collect();
    // Stable: where it is the same, by number.
    rows.sort_by_key(|row| Reverse(row.sort_key(args.sort)));
    rows
}
