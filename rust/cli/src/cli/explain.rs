// SPDX-License-Identifier: GPL-2.0

//! `exitstat explain`

use super::{Format, LookArgs};
use clap::Args;

/// What a reason means, and what can be done about it; of a recording, what its exits were about
///
/// Of a recording with details (`record --capture key`), or of some seconds (--capture key -i 10), it tells what
/// most exits were about, and what can be done about these.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// The reason, by number or name; all are listed without one
    #[arg(value_parser = crate::reason::parse)]
    pub reason: Option<crate::reason::Wanted>,
    /// Of which exits.
    #[command(flatten)]
    pub look: LookArgs,
    /// What to print: json is an object, or without a reason an array of them
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
}
