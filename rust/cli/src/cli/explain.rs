// SPDX-License-Identifier: GPL-2.0

//! `exitstat explain`

use super::{Format, LookArgs, VmArg};
use clap::Args;

/// What a reason means, and how to reduce it; of a recording, what its exits were about
///
/// With a recording that has details (`record --capture key`), or for some seconds (--capture key -i 10), it lists
/// what most exits were about, and how to reduce them.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// The reason, by number or name; all are listed without one
    #[arg(value_parser = crate::reason::parse)]
    pub reason: Option<crate::reason::Wanted>,
    /// Only exits of this VM, by number, name or UUID (`exitstat vms` lists them)
    #[arg(long, value_name = "VM")]
    pub vm: Option<VmArg>,
    /// Which exits.
    #[command(flatten)]
    pub look: LookArgs,
    /// Output format; json is a document for each vendor's reason, or one of all, as docs/json.md describes it
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}
