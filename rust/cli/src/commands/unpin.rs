// SPDX-License-Identifier: GPL-2.0

//! `exitstat unpin`: BPF that counts on without a process ends.

use crate::{error::Error, output};
use std::io::Write;

/// Carries it out.
///
/// # Errors
///
/// It cannot be ended.
pub fn run() -> Result<(), Error> {
    let text = match exitstat_bpf::unpin()? {
        true => "BPF counts no longer.",
        false => "Nothing was pinned.",
    };
    Ok(writeln!(output::stdout(), "{text}")?)
}
