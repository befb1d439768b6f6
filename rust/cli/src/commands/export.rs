// SPDX-License-Identifier: GPL-2.0

//! `exitstat export`

use crate::{cli::ExportArgs, error::Error};

/// Carries it out.
///
/// # Errors
///
/// Always: it is not there yet.
pub fn run(_args: &ExportArgs) -> Result<(), Error> {
    Err(Error::Failed("exitstat export is not there yet".to_owned()))
}
