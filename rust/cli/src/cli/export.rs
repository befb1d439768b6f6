// SPDX-License-Identifier: GPL-2.0

//! `exitstat export`

use super::SourceArgs;
use clap::Args;
use std::{net::SocketAddr, path::PathBuf};

/// Metrics for Prometheus
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// Answer HTTP requests for /metrics here
    #[arg(long, value_name = "ADDR", required_unless_present = "textfile")]
    pub listen: Option<SocketAddr>,
    /// Write a file for node_exporter's textfile collector
    #[arg(long, value_name = "PATH", conflicts_with = "listen")]
    pub textfile: Option<PathBuf>,
    /// Of what.
    #[command(flatten)]
    pub source: SourceArgs,
}
