// SPDX-License-Identifier: GPL-2.0

//! The command `exitstat`.

use exitstat_cli::{cli::Cli, commands, complete};
use std::process::ExitCode;

fn main() -> ExitCode {
    complete::answer();
    let cli = Cli::parse_words(std::env::args_os()).unwrap_or_else(|error| error.exit());
    match commands::run(cli) {
        Ok(code) => code,
        // The reader closed the output, like head.
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            exitstat_cli::say!("exitstat: {error}");
            ExitCode::from(error.status())
        }
    }
}
