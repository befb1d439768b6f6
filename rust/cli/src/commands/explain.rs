// SPDX-License-Identifier: GPL-2.0

//! `exitstat explain`

use crate::{cli::ExplainArgs, error::Error};

/// Carries it out.
///
/// # Errors
///
/// Always: it is not there yet.
pub fn run(_args: &ExplainArgs) -> Result<(), Error> {
    Err(Error::Failed(
        "exitstat explain is not there yet".to_owned(),
    ))
}
