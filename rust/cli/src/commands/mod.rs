// SPDX-License-Identifier: GPL-2.0

//! The commands, one a file.

use crate::{
    cli::{Cli, Command},
    error::Error,
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
mod names;
pub mod plot;
pub mod record;
pub mod report;
pub mod slow;
pub mod stat;
pub mod top;
pub mod unpin;
pub mod vms;

/// Carries out a command line.
///
/// # Errors
///
/// Why it did not.
pub fn run(cli: Cli) -> Result<ExitCode, Error> {
    match cli.command {
        None => stat::run(&cli.stat)?,
        Some(Command::Check(args)) => return check::run(&args),
        Some(Command::Detail(args)) => detail::run(&args)?,
        Some(Command::Diff(args)) => diff::run(&args)?,
        Some(Command::Disable(args)) => return enable::disable(&args),
        Some(Command::Documents(args)) => documents::run(&args)?,
        Some(Command::Enable(args)) => return enable::enable(&args),
        Some(Command::Explain(args)) => explain::run(&args)?,
        Some(Command::Export(args)) => export::run(&args)?,
        Some(Command::Guest(args)) => guest::run(&args)?,
        Some(Command::Plot(args)) => plot::run(&args)?,
        Some(Command::Record(args)) => return record::run(&args),
        Some(Command::Report(args)) => report::run(&args)?,
        Some(Command::Slow(args)) => slow::run(&args)?,
        Some(Command::Top(args)) => top::run(&args)?,
        Some(Command::Unpin(_)) => unpin::run()?,
        Some(Command::Vms(args)) => vms::run(&args)?,
    }
    Ok(ExitCode::SUCCESS)
}
