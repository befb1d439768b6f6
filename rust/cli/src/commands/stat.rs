// SPDX-License-Identifier: GPL-2.0

//! `exitstat [INTERVAL [COUNT]]`: prints the totals since the module was loaded, then a report per interval, and
//! finally their average. BPF has no totals: it prints a report of one second, or of each interval.

use super::interrupt::Interrupt;
use crate::{
    cli::{Format, StatArgs},
    counted_by::CountedBy,
    error::Error,
    model::{Counts, Period, Sample, Scope, Seen},
    output::{self, Printer},
    source::Source,
    view::{is_counted, not_there, View},
    vm::{
        identity::Identity,
        wanted::{of_vm, Wanted},
    },
};
use std::{
    io::Write,
    process::ExitCode,
    time::{Duration, Instant},
};

/// How long BPF counts if no INTERVAL is given.
const A_SECOND: Duration = Duration::from_secs(1);

/// Runs the command.
///
/// # Errors
///
/// The counters cannot be read, the scope does not exist, or writing fails.
pub fn run(args: &StatArgs) -> Result<ExitCode, Error> {
    let wanted = args.scope.vm.as_ref().map(Wanted::from);
    let number = wanted.as_ref().and_then(Wanted::number);
    let mut source = Source::open(&args.source)?.only(number);
    let first = source.first()?;
    is_counted(CountedBy::of(&first.header), &args.rows, &args.print)?;
    let interval = args
        .interval
        .or_else(|| source.begins_now().then_some(A_SECOND));
    let mut tables = Tables {
        args,
        named: wanted.filter(|_| number.is_none()),
        scope: of_vm(&args.scope, number),
        identity: None,
        host_name: source.host_name(),
        found: source.begins_now() && (number.is_some() || args.scope.vm.is_none()),
        waiting: Vec::new(),
        printer: Printer::new(output::stdout(), &args.print),
    };
    let Some(interval) = interval else {
        // The totals; those of a recording are at its end.
        let mut seen = Seen::new(first);
        if tables.named.is_none() {
            tables.look(&seen.last().counts)?;
        }
        if !source.is_live() {
            while let Some(sample) = source.sample(Duration::ZERO)? {
                if tables.named.is_none() {
                    tables.look(&sample.counts)?;
                }
                seen.add(sample);
            }
        }
        // Two VMs may have had the same name one after the other.
        tables.look(seen.vms())?;
        tables.print(&seen.since_load(tables.scope))?;
        tables.end()?;
        return Ok(super::done(source.is_whole()));
    };

    let mut totals = 0;
    if source.begins_now() {
        if args.interval.is_none() {
            crate::say!("exitstat: counting with BPF for one second (`exitstat 1` continues)");
        }
    } else if args.no_totals {
        tables.look(&first.counts)?;
    } else {
        tables.print(&Period::since_load(first.clone()))?;
        totals = 1;
    }
    if source.is_live() && !tables.found && !source.begins_now() {
        return Err(tables.not_there());
    }
    if tables.named.is_none() {
        source = source.only(tables.vm());
    }
    let reports = reports(args, interval, totals);
    let mut ticks = Ticks::begin(&source, interval)?;
    let (mut last, mut intervals) = (first, Intervals::default());
    while reports.is_none_or(|reports| intervals.reports < reports) {
        let Some(period) = ticks.next(&mut source, &mut last)? else {
            break;
        };
        intervals.add(&period);
        if ticks.interrupted {
            break;
        }
        tables.print(&period)?;
        intervals.reports += 1;
    }
    match intervals.closing() {
        // Programs add up the reports themselves.
        Some(Closing::Average(all)) if args.print.format == Format::Table => tables.average(all)?,
        Some(Closing::Report(all)) => tables.print(all)?,
        Some(Closing::Average(_)) | None => (),
    }
    // The scope may appear later in the recording.
    while !tables.found {
        let Some(sample) = source.sample(Duration::ZERO)? else {
            break;
        };
        tables.look(&sample.counts)?;
    }
    tables.end()?;
    Ok(super::done(source.is_whole()))
}

/// Returns the number of intervals to report; `None` if it is unlimited.
fn reports(args: &StatArgs, interval: Duration, totals: u64) -> Option<u64> {
    match (args.duration, args.count, args.interval) {
        (Some(duration), _, _) => {
            let intervals = duration.as_nanos() / interval.as_nanos().max(1);
            Some(u64::try_from(intervals).unwrap_or(u64::MAX))
        }
        (None, Some(count), _) => Some(count - totals.min(count)),
        (None, None, None) => Some(1),
        (None, None, Some(_)) => None,
    }
}

/// Times of the samples: live, one per interval until Ctrl-C.
struct Ticks {
    interval: Duration,
    live: Option<(Interrupt, Instant)>,
    interrupted: bool,
}

impl Ticks {
    fn begin(source: &Source, interval: Duration) -> Result<Self, Error> {
        let listen = || Ok::<_, Error>((Interrupt::listen()?, Instant::now()));
        Ok(Self {
            interval,
            live: source.is_live().then(listen).transpose()?,
            interrupted: false,
        })
    }

    /// Returns the next interval, which Ctrl-C may cut short; `None` at the end of a recording.
    fn next(&mut self, source: &mut Source, last: &mut Sample) -> Result<Option<Period>, Error> {
        let Some((interrupt, due)) = &mut self.live else {
            return source.period(last, self.interval);
        };
        // The time for sampling and printing does not lengthen intervals. Missed samples are skipped.
        *due = (*due + self.interval).max(Instant::now());
        self.interrupted = interrupt.wait(*due)?;
        source.period(last, Duration::ZERO)
    }
}

/// Intervals so far.
#[derive(Debug, Default)]
struct Intervals {
    /// Number of reported intervals.
    reports: u64,
    /// All intervals together, including the one that Ctrl-C cut short.
    all: Option<Period>,
}

/// Final report of a command.
#[derive(Debug, PartialEq)]
enum Closing<'a> {
    /// The average over several intervals.
    Average(&'a Period),
    /// The only interval, cut short by Ctrl-C.
    Report(&'a Period),
}

impl Intervals {
    fn add(&mut self, period: &Period) {
        match &mut self.all {
            Some(all) => all.extend(period),
            all => *all = Some(period.clone()),
        }
    }

    fn closing(&self) -> Option<Closing<'_>> {
        let all = self.all.as_ref()?;
        match self.reports {
            0 => Some(Closing::Report(all)),
            // The average would mostly repeat this interval.
            1 => None,
            _ => Some(Closing::Average(all)),
        }
    }
}

/// Tables of a scope that may not exist yet, or no longer: printing waits until it is found.
struct Tables<'a, W: Write> {
    args: &'a StatArgs,
    /// VM requested by name or UUID, until it is found.
    named: Option<Wanted>,
    /// Scope; the host until the VM is found.
    scope: Scope,
    host_name: Option<String>,
    identity: Option<Identity>,
    found: bool,
    waiting: Vec<View>,
    printer: Printer<W>,
}

impl<W: Write> Tables<'_, W> {
    /// Looks for the scope in these counters.
    fn look(&mut self, counts: &Counts) -> Result<(), Error> {
        if let Some(wanted) = &self.named {
            let Some(vm) = wanted.find(counts)? else {
                return Ok(());
            };
            self.scope = of_vm(&self.args.scope, Some(vm));
            self.named = None;
        }
        self.found |= counts.has(self.scope);
        Ok(())
    }

    /// Returns the requested VM, if it is known.
    fn vm(&self) -> Option<u64> {
        match self.scope {
            Scope::Vm(vm) | Scope::Vcpu((vm, _)) => Some(vm),
            Scope::Host | Scope::Cpu(_) => None,
        }
    }

    fn not_there(&self) -> Error {
        match &self.named {
            Some(wanted) => wanted.not_there(),
            None => not_there(self.scope),
        }
    }

    /// Prints a period.
    fn print(&mut self, period: &Period) -> Result<(), Error> {
        self.add(period, false)
    }

    /// Prints the average over all intervals.
    fn average(&mut self, all: &Period) -> Result<(), Error> {
        self.add(all, true)
    }

    fn add(&mut self, period: &Period, is_average: bool) -> Result<(), Error> {
        self.look(&period.counts)?;
        let scope = match self.named {
            None => self.scope,
            // No VM has this number, so the rows are empty until the requested VM exists.
            Some(_) => Scope::Vm(u64::MAX),
        };
        let mut view = View {
            host_name: self.host_name.clone(),
            is_average,
            ..View::of_interval(period, scope, &self.args.rows)
        };
        // A VM that has ended keeps its name.
        match &view.identity {
            Some(identity) => self.identity = Some(identity.clone()),
            None => view.identity.clone_from(&self.identity),
        }
        self.waiting.push(view);
        match self.found {
            true => self.flush(),
            false => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<(), Error> {
        let mut views = std::mem::take(&mut self.waiting);
        if let Some(last) = views.last().cloned() {
            for view in &mut views {
                view.subject = last.subject;
                view.identity.clone_from(&last.identity);
            }
        }
        views.iter().try_for_each(|view| self.printer.print(view))
    }

    /// Prints the waiting tables, or fails if the scope was never found.
    fn end(&mut self) -> Result<(), Error> {
        match self.found {
            true => self.flush(),
            false => Err(self.not_there()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::Parser;
    use exitstat_core::snapshot::Header;

    fn period() -> Period {
        Period::since_load(Sample {
            header: Header::default(),
            counts: Counts::default(),
            details: None,
        })
    }

    #[test]
    fn the_end_tells_what_no_report_did() {
        let mut intervals = Intervals::default();
        assert_eq!(intervals.closing(), None);
        intervals.add(&period());
        assert!(matches!(intervals.closing(), Some(Closing::Report(_))));
        intervals.reports = 1;
        assert_eq!(intervals.closing(), None);
        intervals.add(&period());
        intervals.reports = 2;
        assert!(matches!(intervals.closing(), Some(Closing::Average(_))));
    }

    #[test]
    fn a_count_has_the_totals_in_it_and_a_duration_has_not() {
        let reports = |words: &str, totals| {
            let cli = Cli::try_parse_from(words.split_whitespace()).unwrap();
            let interval = cli.stat.interval.unwrap_or(A_SECOND);
            reports(&cli.stat, interval, totals)
        };
        assert_eq!(reports("exitstat 1", 1), None);
        assert_eq!(reports("exitstat", 0), Some(1));
        assert_eq!(reports("exitstat 1 5", 1), Some(4));
        assert_eq!(reports("exitstat 1 5 -y", 0), Some(5));
        assert_eq!(reports("exitstat 0.5 --for 30s", 1), Some(60));
        assert_eq!(reports("exitstat 7 --for 30", 1), Some(4));
    }
}
