// SPDX-License-Identifier: GPL-2.0

//! `exitstat explain`

use super::{Format, LookArgs, VmArg};
use clap::Args;

/// Explain an exit reason and how to reduce its exits
///
/// With a recording that has details (`record --capture key`), or while capturing them (--capture
/// key -i 10), explain also lists the most frequent keys and how to reduce their exits.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// Exit reason, by number or name; without it, all reasons are listed
    #[arg(value_parser = crate::reason::parse)]
    pub reason: Option<crate::reason::Wanted>,
    /// Show only exits of this VM, by number, name or UUID (`exitstat vms` lists VMs)
    #[arg(long, value_name = "VM")]
    pub vm: Option<VmArg>,
    /// Exits to show.
    #[command(flatten)]
    pub look: LookArgs,
    /// Output format; json is one document per vendor's reason, or one for all reasons, described
    /// in docs/json.md
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}
