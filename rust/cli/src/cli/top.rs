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

/// The keys of the live view, and what each of them does.
pub const KEYS: [(&str, &str); 11] = [
    ("Up k, Down j", "move the selection"),
    ("PgUp, PgDn", "move it by a page"),
    ("Home, End", "move it to the first row, to the last"),
    (
        "Enter",
        "open the selection: a VM's reasons, what a reason's exits were about",
    ),
    ("Esc", "go back"),
    ("s, S", "sort by the next column, by the previous one"),
    ("/", "filter rows by name"),
    ("c", "count over the interval, or since top started"),
    ("p Space", "pause and resume"),
    ("? h F1", "show the help"),
    ("q", "quit"),
];
