// SPDX-License-Identifier: GPL-2.0

//! `exitstat explain`

use clap::Args;

/// What a reason means, and what can be done about it
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// The reason, by number or name; all are listed without one
    #[arg(value_parser = crate::reason::parse)]
    pub reason: Option<u32>,
}
