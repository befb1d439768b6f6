// SPDX-License-Identifier: GPL-2.0

//! `exitstat top`

use super::{CaptureKind, SourceArgs};
use clap::Args;
use std::time::Duration;

/// Live, on the full screen
///
/// Enter goes to the reasons, and from there to what a reason's exits were about, if details are captured
/// (`exitstat detail --help`); Esc goes back. `?` shows all keys.
#[derive(Args, Debug)]
pub struct TopArgs {
    /// Time between two looks
    #[arg(default_value = "1", value_parser = super::interval)]
    pub interval: Duration,
    /// Capture details while it runs (module only, as root)
    #[arg(long, value_name = "WHAT", conflicts_with = "from")]
    pub capture: Option<CaptureKind>,
    /// Of what.
    #[command(flatten)]
    pub source: SourceArgs,
}
