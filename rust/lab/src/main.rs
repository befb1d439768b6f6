// SPDX-License-Identifier: GPL-2.0

//! The lab: builds the kernel, the module and images, and runs L1 with L2 inside it.

mod artifacts;
mod cli;
mod command;
mod demo;
mod flavour;
mod image;
mod kernel;
mod l0;
mod module;
mod report;
mod run;
mod selftests;
mod source;
mod suite;
mod workspace;

use clap::Parser;
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
