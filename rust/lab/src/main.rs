// SPDX-License-Identifier: GPL-2.0

//! The command `lab`.

use clap::Parser;
use exitstat_lab::cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run(cli::Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("lab: {error:#}");
            ExitCode::from(2)
        }
    }
}
