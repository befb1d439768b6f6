// SPDX-License-Identifier: GPL-2.0

//! `exitstat unpin`: removes pinned BPF programs.

use crate::{error::Error, output};
use std::io::Write;

/// Runs the command.
///
/// # Errors
///
/// The programs cannot be removed.
pub fn run() -> Result<(), Error> {
    let text = match exitstat_bpf::unpin()? {
        true => "BPF counting stopped.",
        false => "BPF counting was not pinned.",
    };
    Ok(writeln!(output::stdout(), "{text}")?)
}
