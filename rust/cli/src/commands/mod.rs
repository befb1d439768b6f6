// SPDX-License-Identifier: GPL-2.0

//! The commands, one a file.

use crate::{
    cli::{Cli, Command},
    error::Error,
};
use std::process::ExitCode;

pub mod explain;
pub mod export;
pub mod plot;
pub mod top;

/// Carries out a command line.
///
/// # Errors
///
/// Why it did not.
pub fn run(cli: Cli) -> Result<ExitCode, Error> {
    match cli.command {
        Some(Command::Explain(args)) => explain::run(&args)?,
        Some(Command::Export(args)) => export::run(&args)?,
        Some(Command::Plot(args)) => plot::run(&args)?,
        Some(Command::Top(args)) => top::run(&args)?,
        _ => return Err(Error::Failed("not there yet".to_owned())),
    }
    Ok(ExitCode::SUCCESS)
}
