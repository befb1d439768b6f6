// SPDX-License-Identifier: GPL-2.0

//! `exitstat export`

use super::SourceArgs;
use clap::Args;
use std::{net::SocketAddr, path::PathBuf, time::Duration};

const AFTER_HELP: &str = "\
Examples:
  exitstat export
      for Prometheus on this host: scrape_configs: [{job_name: exitstat,
      static_configs: [{targets: ['localhost:9948']}]}]
  exitstat export --textfile /var/lib/prometheus/node-exporter/exitstat.prom -i 15
      for a node_exporter that runs already, with no other port open
  exitstat export --details 20
      also which MSRs, ports, addresses and CPUID leaves; the module has to capture them:
      echo key >/sys/module/kvm_exitstat/parameters/detail

docs/metrics.md lists the metrics, and how many there can be.";

/// Metrics for Prometheus
///
/// Answers HTTP requests for /metrics, in OpenMetrics or in the older text format, as the request
/// prefers; each answer is of that moment. Or writes a file for node_exporter's textfile collector.
///
/// The device is open only while it is read, so the module can be unloaded meanwhile; requests are
/// then answered with status 503 and the reason. BPF counts for as long as the exporter runs, or goes
/// on if --pin was given. Before kvm_intel or kvm_amd is loaded, requests are answered so, too.
#[derive(Args, Debug)]
#[command(after_long_help = AFTER_HELP)]
pub struct ExportArgs {
    /// Where to answer requests; port 0 for any that is free. Whoever can connect sees all VMs of
    /// the host
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9948")]
    pub listen: SocketAddr,
    /// Write this file, whose name should end in .prom, in place of answering requests
    #[arg(long, value_name = "PATH", conflicts_with = "listen")]
    pub textfile: Option<PathBuf>,
    /// Write the file again and again
    #[arg(short, long, value_parser = super::interval, requires = "textfile")]
    pub interval: Option<Duration>,
    /// Only metrics of the host, none of each VM
    #[arg(long)]
    pub no_vms: bool,
    /// No histograms, which are most of all series
    #[arg(long)]
    pub no_histograms: bool,
    /// Also metrics of what exits were about (MSRs, ports, addresses, CPUID leaves and so on), of at most N keys of
    /// each reason. Needs the module, with its parameter `detail` set, and CAP_PERFMON
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub details: Option<u16>,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub source: SourceArgs,
}
