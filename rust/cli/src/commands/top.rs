// SPDX-License-Identifier: GPL-2.0

//! `exitstat top`

use crate::{cli::TopArgs, error::Error};

/// Carries it out.
///
/// # Errors
///
/// Always: it is not there yet.
pub fn run(_args: &TopArgs) -> Result<(), Error> {
    Err(Error::Failed("exitstat top is not there yet".to_owned()))
}
