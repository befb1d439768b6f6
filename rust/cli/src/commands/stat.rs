// SPDX-License-Identifier: GPL-2.0

//! `exitstat [INTERVAL [COUNT]]`: totals since the module was loaded, then what is added. By BPF, which has
//! no totals, a table of a second, or of each interval.

use crate::{
    cli::StatArgs,
    error::Error,
    model::{Period, Sample, Scope},
    output::{self, Printer},
    source::Source,
    view::{not_there, View},
};
use std::{process::ExitCode, time::Duration};

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
    let mut before = source.first()?;
    let interval = args
        .interval
        .or_else(|| source.begins_now().then_some(A_SECOND));
    let count = args.count.or(args.interval.is_none().then_some(1));
    let Some(interval) = interval else {
        // What there is now; of a recording, at its end.
        if !source.is_live() {
            while let Some(sample) = source.sample(Duration::ZERO)? {
                before = sample;
            }
        }
        let whole = source.is_whole();
        totals(
            args,
            &before,
            scope,
            &mut Printer::new(output::stdout(), &args.format),
        )?;
        return Ok(super::done(whole));
    };

    let mut printer = Printer::new(output::stdout(), &args.format);
    let mut printed = 0;
    if source.begins_now() {
        if args.interval.is_none() {
            crate::say!("exitstat: counting by BPF for a second; `exitstat 1` goes on");
        }
    } else {
        totals(args, &before, scope, &mut printer)?;
        printed += 1;
    }
    while count.is_none_or(|count| printed < count) {
        let Some(sample) = source.sample(interval)? else {
            break;
        };
        let period = Period::between(&before, &sample);
        printer.print(&View::of_interval(&period, scope, &args.rows))?;
        before = sample;
        printed += 1;
    }
    Ok(super::done(source.is_whole()))
}

fn totals(
    args: &StatArgs,
    sample: &Sample,
    scope: Scope,
    printer: &mut Printer<impl std::io::Write>,
) -> Result<(), Error> {
    let period = Period::since_load(sample.clone());
    let view = View::of(&period, scope, &args.rows);
    printer.print(&view.ok_or_else(|| not_there(scope))?)
}
