// SPDX-License-Identifier: GPL-2.0

//! `exitstat plot`

use crate::{cli::PlotArgs, error::Error};

/// Carries it out.
///
/// # Errors
///
/// Always: it is not there yet.
pub fn run(_args: &PlotArgs) -> Result<(), Error> {
    Err(Error::Failed("exitstat plot is not there yet".to_owned()))
}
