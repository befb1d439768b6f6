// SPDX-License-Identifier: GPL-2.0

//! `exitstat report`: reports the exits in a recording.

mod perfetto;
mod phases;
mod trace;

use super::{detail, look::open};
use crate::{
    cli::{Format, ReportArgs},
    counted_by::CountedBy,
    error::Error,
    output::{self, fit::shorten, table, width, Printer},
    source::recording::{End, Ending, Recording},
    view::{is_counted, not_there, unknown_last_exits, View},
    vm::{text::printable, wanted::scope},
};
use std::{io::Write, process::ExitCode, time::Duration};

/// Runs the command.
///
/// # Errors
///
/// The recording cannot be read, the scope does not exist, or writing fails.
pub fn run(args: &ReportArgs) -> Result<ExitCode, Error> {
    let Some(print) = args.print.printed() else {
        return perfetto::run(args);
    };
    let recording = open(&args.file)?;
    let by = CountedBy::of(&recording.period.end);
    is_counted(by, &args.rows, &print)?;
    let scope = scope(&args.scope, &recording.period.counts)?;
    if args.phases {
        phases::print(output::stdout(), &recording, args, &print)?;
        return Ok(super::done(recording.warning().is_none()));
    }
    let period = recording.part(args.phase.as_deref(), args.until.as_deref())?;
    // A scope that never exists in the recording is an error. It need not exist throughout.
    if !recording.period.counts.has(scope) {
        return Err(not_there(scope));
    }
    if let Some(why) = unknown_last_exits(&period.counts, scope) {
        crate::say!("exitstat: {}: {why}", args.file.display());
    }
    let view = View {
        host_name: recording.metadata.hostname.clone(),
        ..View::of_interval(&period, scope, &args.rows)
    };
    let mut out = output::stdout();
    if print.format == Format::Table {
        heading(&mut out, &recording)?;
    }
    Printer::new(&mut out, &print).print(&view)?;
    if print.format == Format::Table {
        detail::report(&mut out, (&args.file, &period), scope, &args.rows.reason)?;
    }
    out.flush()?;
    Ok(super::done(recording.warning().is_none()))
}

/// Prints the recording's metadata, one item per line.
fn heading(out: &mut impl Write, recording: &Recording) -> Result<(), Error> {
    let metadata = &recording.metadata;
    let parameters = |module: &str, shown: &[&str]| {
        let parameters = metadata.parameters.get(module);
        let texts = shown.iter().filter_map(|&name| {
            let value = parameters?.get(name)?;
            Some(format!("{name}={value}"))
        });
        texts.collect::<Vec<_>>().join(" ")
    };
    let intel = ["ept", "unrestricted_guest", "vpid", "preemption_timer"];
    let amd = ["npt", "avic", "vgif", "vls"];
    let lines = [
        ("recorded", metadata.started.clone()),
        ("command", metadata.command_line.join(" ")),
        ("host", metadata.hostname.clone().unwrap_or_default()),
        ("kernel", metadata.kernel.clone()),
        ("source", metadata.source.clone()),
        ("kvm_intel", parameters("kvm_intel", &intel)),
        ("kvm_amd", parameters("kvm_amd", &amd)),
        (
            "snapshots",
            match metadata.interval_ns {
                0 => recording.snapshots.to_string(),
                interval => format!(
                    "{}, each {:?}",
                    recording.snapshots,
                    Duration::from_nanos(interval)
                ),
            },
        ),
        (
            "ended with",
            match recording.ending {
                Ending::Whole(End {
                    status: Some(status),
                }) => format!("exit status {status}"),
                _ => String::new(),
            },
        ),
    ];
    for (name, text) in lines {
        if !text.is_empty() {
            let line = format!("{:<12}{}", format!("{name}:"), printable(&text));
            let line = width().map_or(line.as_str().into(), |width| shorten(&line, width));
            writeln!(out, "{line}")?;
        }
    }
    if recording.snapshots == 1 {
        let since = CountedBy::of(&recording.period.end).since();
        let text = format!("There is only one snapshot, so this is all {since}.");
        table::sentence(out, &text, width())?;
    }
    writeln!(out)?;
    Ok(())
}
