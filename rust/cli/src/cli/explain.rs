// SPDX-License-Identifier: GPL-2.0

//! `exitstat explain`

use super::Format;
use clap::Args;

/// What a reason means, and what can be done about it
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// The reason, by number or name; all are listed without one
    #[arg(value_parser = crate::reason::parse)]
    pub reason: Option<crate::reason::Wanted>,
    /// What to print: json is an object, or without a reason an array of them
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
}
