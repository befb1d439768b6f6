// SPDX-License-Identifier: GPL-2.0

//! The command `exitstat`.

use clap::Parser;
use exitstat_cli::{cli::Cli, commands};
use std::process::ExitCode;

fn main() -> ExitCode {
    match commands::run(Cli::parse()) {
        Ok(code) => code,
        // Whoever read the output has seen enough.
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            exitstat_cli::say!("exitstat: {error}");
            ExitCode::from(error.status())
        }
    }
}
