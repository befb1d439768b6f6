// SPDX-License-Identifier: GPL-2.0

//! Content of a table: rows by reason with figures, for a subject and a period.

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

/// Subject of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Counted on this host.
    Of(Scope),
    /// Counted on this host, for all VMs of a recording that has only some of the host's VMs.
    Vms,
    /// Counted by this guest's host, as it reports through CPUID.
    Guest,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(Scope::Host) => f.write_str("host"),
            Self::Of(Scope::Vm(vm)) => write!(f, "VM {vm}"),
            Self::Of(Scope::Vcpu((vm, vcpu))) => write!(f, "VM {vm}, vCPU {vcpu}"),
            Self::Of(Scope::Cpu(cpu)) => write!(f, "CPU {cpu}"),
            Self::Vms => f.write_str("recorded VMs"),
            Self::Guest => f.write_str("this guest"),
        }
    }
}

/// Returns a subject in words, with the name of its VM if it is known: `VM 3 (debian12), vCPU 0`.
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

/// Returns the error that a scope does not exist.
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

/// Returns the warning that some last exits of a scope are unknown, if they are.
#[must_use]
pub fn unknown_last_exits(counts: &Counts, scope: Scope) -> Option<String> {
    let (others, known) = match (counts.unknown_last_exits(scope)?, scope) {
        (Unknown::InVm, _) => ("other vCPUs of its VM", "that VM"),
        (Unknown::InHost, _) if counts.has_host() => ("another VM", "the host"),
        (Unknown::InHost, _) => ("another VM", "the recorded VMs together"),
        (Unknown::Lost, scope) => {
            let whose = match scope {
                Scope::Host => "a VM".to_owned(),
                _ => Subject::Of(scope).to_string(),
            };
            return Some(format!(
                "{whose} ended between the same snapshots as a VM that was not recorded: its last exits are lost"
            ));
        }
    };
    let subject = Subject::Of(scope);
    Some(format!(
        "{subject} ended between the same snapshots as {others}: its last exits are counted for {known} only"
    ))
}

/// Returns the name of a sort order on the command line.
#[must_use]
pub fn sort_name(sort: Sort) -> String {
    let value = sort.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

/// Makes sure that the source counted what the options need.
///
/// # Errors
///
/// It did not, so the option would have no effect.
pub fn is_counted(by: CountedBy, rows: &RowsArgs, print: &PrintArgs) -> Result<(), Error> {
    let needs_times = match rows.sort {
        Sort::UserCycles | Sort::Avg | Sort::P99 | Sort::Max | Sort::User => {
            Some(format!("--sort {}", sort_name(rows.sort)))
        }
        // `time` is the default, and `cycles` was the default before.
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

/// A row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The reason; `None` for the total.
    pub reason: Option<Reason>,
    /// Counters.
    pub line: Line,
}

impl Row {
    /// Returns the reason's name, or `total`.
    #[must_use]
    pub fn name(&self) -> String {
        name_or_total(self.reason)
    }

    fn longest(&self) -> Option<Longest> {
        self.line.detail.as_ref()?.longest()
    }

    /// Returns the sort key: rows with the largest come first.
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

/// Content of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// The subject.
    pub subject: Subject,
    /// Identity of the subject's VM, if it is known.
    pub identity: Option<Identity>,
    /// Instruction set of the CPU.
    pub isa: Isa,
    /// Source of the counters; `None` if a host reported them through CPUID.
    pub counted_by: Option<CountedBy>,
    /// End of the period in nanoseconds since 1970, if it is known.
    pub realtime: Option<u64>,
    /// Host name, if it is known.
    pub host_name: Option<String>,
    /// Whether it is the average over several intervals.
    pub is_average: bool,
    /// Length of the period; `None` if it began when the module was loaded.
    pub seconds: Option<f64>,
    /// TSC frequency, if it is known.
    pub tsc_khz: Option<u32>,
    /// Number of times that the module was reloaded.
    pub reloads: u32,
    /// Number of vCPUs that are included only in the host's exits and cycles.
    pub unattached: u64,
    /// Guests: a number that changes when the counters are reset, if the host reports it.
    pub generation: Option<u32>,
    /// Sort order of the rows.
    pub sort: Sort,
    /// The rows.
    pub rows: Vec<Row>,
    /// Total of all reasons, including those without a row.
    pub total: Row,
}

impl View {
    /// Returns the view of a period; `None` if the scope does not exist.
    #[must_use]
    pub fn of(period: &Period, scope: Scope, args: &RowsArgs) -> Option<Self> {
        let lines = period.counts.lines(scope)?;
        Some(Self::of_lines(lines, period, scope, args))
    }

    /// Returns the view of a period. A scope that does not exist in it has no exits.
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
            // The total has vCPU counters even without rows.
            line.detail.get_or_insert_default();
        }
        let counted_by = CountedBy::of(&period.end);
        let mut args = args.clone();
        if !counted_by.has_times() && matches!(args.sort, Sort::Time | Sort::Cycles) {
            args.sort = Sort::Exits;
        }
        Self {
            subject: match scope {
                Scope::Host if !period.counts.has_host() => Subject::Vms,
                scope => Subject::Of(scope),
            },
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

    /// Returns the view of a guest's own counters.
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

    /// Returns the subject in words.
    #[must_use]
    pub fn title(&self) -> String {
        with_name(self.subject, self.identity.as_ref())
    }

    /// Returns whether it has vCPU counters: userspace time, percentiles and the longest exit.
    #[must_use]
    pub fn has_detail(&self) -> bool {
        self.has_times() && !matches!(self.subject, Subject::Guest | Subject::Of(Scope::Cpu(_)))
    }

    /// Returns whether times were counted.
    #[must_use]
    pub fn has_times(&self) -> bool {
        self.counted_by.is_none_or(CountedBy::has_times)
    }

    /// Returns the figures of a row.
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

    /// Converts cycles to seconds, if the TSC frequency is known.
    #[must_use]
    pub fn seconds_of(&self, cycles: f64) -> Option<f64> {
        Some(cycles / (f64::from(self.tsc_khz?) * 1e3))
    }
}

/// Figures computed for a row. Shares are from 0 to 1. Times are in cycles, or in nanoseconds if BPF counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// Exits.
    pub exits: u64,
    /// Exits per second.
    pub exits_per_second: Option<f64>,
    /// Share of all exits.
    pub exits_share: Option<f64>,
    /// Cycles in the kernel, if times were counted.
    pub cycles: Option<u64>,
    /// Share of all cycles in the kernel.
    pub cycles_share: Option<f64>,
    /// Cycles of wall time in userspace; `None` for a CPU or a guest.
    pub user_cycles: Option<u64>,
    /// Kernel plus userspace cycles.
    pub time_cycles: Option<u64>,
    /// Share of all kernel plus userspace cycles.
    pub time_share: Option<f64>,
    /// Cycles in the kernel per exit.
    pub average: Option<f64>,
    /// Upper bound of the cycles that half of the exits took at most.
    pub p50: Option<u64>,
    /// Upper bound of the cycles that 99 % of the exits took at most.
    pub p99: Option<u64>,
    /// The longest exit.
    pub longest: Option<Longest>,
    /// Share of this reason's exits that userspace finished.
    pub user_share: Option<f64>,
}

/// Returns the requested rows in the requested order.
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
    // The sort is stable: equal rows stay in the order of their numbers.
    rows.sort_by_key(|row| Reverse(row.sort_key(args.sort)));
    rows
}
