// SPDX-License-Identifier: GPL-2.0

//! `exitstat [INTERVAL [COUNT]]`: totals since the module was loaded, then what is added. By BPF, which has
//! no totals, a table of a second, or of each interval.

use crate::{
    cli::StatArgs,
    counted_by::CountedBy,
    error::Error,
    model::{Counts, Period, Scope, Seen},
    output::{self, Printer},
    source::Source,
    view::{is_counted, not_there, View},
};
use std::{io::Write, process::ExitCode, time::Duration};

/// So long BPF counts where nobody says how long.
const A_SECOND: Duration = Duration::from_secs(1);

/// Carries it out.
///
/// # Errors
///
/// The counters cannot be read, the scope is not there, or nothing can be written.
pub fn run(args: &StatArgs) -> Result<ExitCode, Error> {
    let scope = Scope::from(&args.scope);
    let mut source = Source::open(&args.source)?.only(args.scope.vm);
    let first = source.first()?;
    is_counted(CountedBy::of(&first.header), &args.rows, &args.print)?;
    let interval = args
        .interval
        .or_else(|| source.begins_now().then_some(A_SECOND));
    let count = args.count.or(args.interval.is_none().then_some(1));
    let mut tables = Tables {
        args,
        scope,
        found: source.begins_now(),
        waiting: Vec::new(),
        printer: Printer::new(output::stdout(), &args.print),
    };
    let Some(interval) = interval else {
        // What there is now; of a recording, at its end.
        let mut seen = Seen::new(first);
        tables.look(&seen.last().counts);
        if !source.is_live() {
            while let Some(sample) = source.sample(Duration::ZERO)? {
                tables.look(&sample.counts);
                seen.add(sample);
            }
        }
        tables.print(&seen.since_load(scope))?;
        tables.end()?;
        return Ok(super::done(source.is_whole()));
    };

    let mut last = first;
    let mut printed = 0;
    if source.begins_now() {
        if args.interval.is_none() {
            crate::say!("exitstat: counting by BPF for a second; `exitstat 1` goes on");
        }
    } else {
        tables.print(&Period::since_load(last.clone()))?;
        printed += 1;
    }
    if source.is_live() && !tables.found {
        return Err(not_there(scope));
    }
    while count.is_none_or(|count| printed < count) {
        let Some(period) = source.period(&mut last, interval)? else {
            break;
        };
        tables.print(&period)?;
        printed += 1;
    }
    // Whether a recording has it at all.
    while !tables.found {
        let Some(sample) = source.sample(Duration::ZERO)? else {
            break;
        };
        tables.look(&sample.counts);
    }
    tables.end()?;
    Ok(super::done(source.is_whole()))
}

/// Tables of a scope that may come later or have gone: they wait until it is found.
struct Tables<'a, W: Write> {
    args: &'a StatArgs,
    scope: Scope,
    found: bool,
    waiting: Vec<View>,
    printer: Printer<W>,
}

impl<W: Write> Tables<'_, W> {
    /// Whether it is among these.
    fn look(&mut self, counts: &Counts) {
        self.found |= counts.has(self.scope);
    }

    /// Prints a period.
    fn print(&mut self, period: &Period) -> Result<(), Error> {
        self.look(&period.counts);
        let view = View::of_interval(period, self.scope, &self.args.rows);
        self.waiting.push(view);
        match self.found {
            true => self.flush(),
            false => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<(), Error> {
        let views = std::mem::take(&mut self.waiting);
        views.iter().try_for_each(|view| self.printer.print(view))
    }

    /// There is no more to come.
    fn end(&mut self) -> Result<(), Error> {
        match self.found {
            true => self.flush(),
            false => Err(not_there(self.scope)),
        }
    }
}
