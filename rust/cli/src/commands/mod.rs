// SPDX-License-Identifier: GPL-2.0

//! The commands, one per file.

use crate::{
    cli::{Cli, Command},
    error::{Error, INCOMPLETE},
};
use std::process::ExitCode;

pub mod check;
pub mod detail;
pub mod diff;
pub mod documents;
pub mod enable;
pub mod explain;
pub mod export;
pub mod guest;
mod interrupt;
mod look;
mod names;
pub mod plot;
pub mod record;
pub mod report;
pub mod slow;
pub mod stat;
pub mod top;
pub mod unpin;
pub mod vms;

/// Runs a command line.
///
/// # Errors
///
/// The command failed.
pub fn run(cli: Cli) -> Result<ExitCode, Error> {
    cli.check().map_err(Error::Usage)?;
    match cli.command {
        None => return stat::run(&cli.stat),
        Some(Command::Check(args)) => return check::run(&args),
        Some(Command::Detail(args)) => return detail::run(&args),
        Some(Command::Diff(args)) => return diff::run(&args),
        Some(Command::Disable(args)) => return enable::disable(&args),
        Some(Command::Documents(args)) => documents::run(&args)?,
        Some(Command::Enable(args)) => return enable::enable(&args),
        Some(Command::Explain(args)) => return explain::run(&args),
        Some(Command::Export(args)) => return export::run(&args),
        Some(Command::Guest(args)) => guest::run(&args)?,
        Some(Command::Plot(args)) => return plot::run(&args),
        Some(Command::Record(args)) => return record::run(&args),
        Some(Command::Report(args)) => return report::run(&args),
        Some(Command::Slow(args)) => return slow::run(&args),
        Some(Command::Top(args)) => return top::run(&args),
        Some(Command::Unpin(_)) => unpin::run()?,
        Some(Command::Vms(args)) => return vms::run(&args),
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the exit status after all output is printed. A warning that the recording is incomplete was
/// printed before.
fn done(whole: bool) -> ExitCode {
    match whole {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(INCOMPLETE),
    }
}
