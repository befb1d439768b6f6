// SPDX-License-Identifier: GPL-2.0

//! `exitstat top`

use super::SourceArgs;
use clap::Args;
use std::time::Duration;

/// Live, on the full screen
#[derive(Args, Debug)]
pub struct TopArgs {
    /// Time between two looks
    #[arg(default_value = "1", value_parser = super::interval)]
    pub interval: Duration,
    /// Of what.
    #[command(flatten)]
    pub source: SourceArgs,
}
