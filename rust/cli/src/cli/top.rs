// SPDX-License-Identifier: GPL-2.0

//! `exitstat top`

use super::{CaptureKind, SourceArgs};
use clap::Args;
use std::time::Duration;

/// Show VM exits live, full screen
///
/// Enter opens the exit reasons of a VM, then the MSRs, ports or addresses of a reason if details
/// are captured (see `exitstat detail --help`). `v` lists the vCPUs of a VM. Esc goes back. `?`
/// lists all keys.
///
/// With --from, top plays back a recording, one snapshot per INTERVAL: Space pauses, Left and Right
/// step, + and - change the speed.
#[derive(Args, Debug)]
pub struct TopArgs {
    /// Time between screen updates
    #[arg(default_value = "1", value_parser = super::interval)]
    pub interval: Duration,
    /// Capture details while top runs (module only, as root)
    #[arg(long, value_name = "WHAT", conflicts_with = "from")]
    pub capture: Option<CaptureKind>,
    /// Source of the counters.
    #[command(flatten)]
    pub source: SourceArgs,
}

/// The keys of the live view, and what each of them does. Both the help overlay and the manual page list them.
pub const KEYS: [(&str, &str); 17] = [
    ("Up k, Down j", "move the selection"),
    ("PgUp, PgDn", "move it by a page"),
    ("Home g, End G", "move it to the first or last row"),
    (
        "Enter",
        "open the selection: a VM's reasons, or a reason's details",
    ),
    ("Esc", "go back; in the list of VMs, clear the filter"),
    ("v", "list the vCPUs of the selected VM, or the VMs again"),
    ("s, S", "sort by the next or previous column"),
    ("r", "reverse the order"),
    (
        "/",
        "filter rows by number, or by the start of a word in the name (io finds IO_INSTRUCTION, but no other INSTRUCTION)",
    ),
    (
        "c",
        "count over the interval, since top or the recording started, or since the module was loaded",
    ),
    ("p Space", "pause and resume; at the end of a recording, restart it"),
    ("Left, Right", "one snapshot back or forward (--from)"),
    ("[, ]", "to the previous or next mark, or the start or end (--from)"),
    ("+ =, -", "double or halve the speed (--from)"),
    ("? h F1", "show this help"),
    ("q", "quit"),
    ("Ctrl-C", "quit, also while typing a filter"),
];
