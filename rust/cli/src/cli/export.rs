// SPDX-License-Identifier: GPL-2.0

//! `exitstat export`

use super::SourceArgs;
use clap::Args;
use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

const AFTER_HELP: &str = "\
Examples:
  exitstat export
      for Prometheus on this host: scrape_configs: [{job_name: exitstat,
      static_configs: [{targets: ['localhost:9948']}]}]
  exitstat export --textfile /var/lib/prometheus/node-exporter/exitstat.prom -i 15
      for an existing node_exporter; opens no port
  exitstat export --details 20
      with exits by MSR, port, address and CPUID leaf; first start capturing:
      echo key >/sys/module/kvm_exitstat/parameters/detail

  exitstat export --listen :9948 --web.config.file /etc/exitstat/web.yml
      for a Prometheus on another host, with TLS and a password

docs/metrics.md lists the metrics and the limits on their number. docs/fleet.md \
covers many hosts.";

/// Export metrics for Prometheus
///
/// Serves /metrics over HTTP, in OpenMetrics or in the older text format, as the client prefers.
/// Each request takes a new snapshot. With --textfile, exitstat writes a file for node_exporter's
/// textfile collector instead.
///
/// The device is open only during a snapshot, so the module can be unloaded at any other time.
/// Without the module, and before kvm_intel or kvm_amd is loaded, requests get status 503 and the
/// reason. BPF counts while the exporter runs, or longer with --pin.
#[derive(Args, Debug)]
#[command(after_long_help = AFTER_HELP)]
pub struct ExportArgs {
    /// Listen on HOST:PORT, or on :PORT for all addresses of this host. HOST is an address, or a
    /// name to listen on all its addresses. Port 0 selects a free port. Anyone who can connect can
    /// see all VMs of the host
    #[arg(long, value_name = "[HOST]:PORT", default_value = "127.0.0.1:9948")]
    pub listen: Listen,
    /// Read TLS and password settings from this YAML file, in the format of node_exporter and other
    /// exporters; docs/metrics.md lists its fields
    #[arg(
        long = "web.config.file",
        id = "web.config.file",
        value_name = "FILE",
        conflicts_with = "textfile"
    )]
    pub web_config_file: Option<PathBuf>,
    /// Write the metrics to this file instead of serving HTTP; its name should end in .prom
    #[arg(long, value_name = "PATH", conflicts_with = "listen")]
    pub textfile: Option<PathBuf>,
    /// Write the file every INTERVAL
    #[arg(short, long, value_parser = super::interval, requires = "textfile")]
    pub interval: Option<Duration>,
    /// Omit per-VM metrics
    #[arg(long)]
    pub no_vms: bool,
    /// Omit histograms (most of the host's series)
    #[arg(long)]
    pub no_histograms: bool,
    /// Also export per-VM histograms: up to 26 series for each reason of a VM
    #[arg(long, conflicts_with_all = ["no_vms", "no_histograms"])]
    pub vm_histograms: bool,
    /// Also export exits by key (MSR, port, address, CPUID leaf and so on), at most N keys per
    /// reason. Requires the module with its parameter `detail` set, and CAP_PERFMON
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub details: Option<u16>,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub source: SourceArgs,
}

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// This address.
    At(SocketAddr),
    /// This port of all addresses of the host.
    Anywhere(u16),
    /// This port of all addresses of a name.
    Name(String, u16),
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        if let Ok(address) = word.parse() {
            return Ok(Self::At(address));
        }
        let (host, port) = word
            .rsplit_once(':')
            .ok_or("no port (expected HOST:PORT, such as localhost:9948)")?;
        let port = port
            .parse()
            .map_err(|_| format!("{port:?} is not a port (0 to 65535)"))?;
        match host {
            "" => Ok(Self::Anywhere(port)),
            _ if host.contains([':', '[', ']', '/']) => Err(format!(
                "{host:?} is neither an address nor a host name (IPv6 addresses need brackets, such as [::1]:9948)"
            )),
            name => Ok(Self::Name(name.to_owned(), port)),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(address) => write!(f, "{address}"),
            Self::Anywhere(port) => write!(f, ":{port}"),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_names_and_ports_are_told_apart() {
        let listen = |word: &str| word.parse::<Listen>();
        for word in ["127.0.0.1:9948", "[::1]:0", "0.0.0.0:1"] {
            assert_eq!(listen(word), Ok(Listen::At(word.parse().unwrap())));
        }
        assert_eq!(listen(":9949"), Ok(Listen::Anywhere(9949)));
        let name = Listen::Name("localhost".to_owned(), 9949);
        assert_eq!(listen("localhost:9949"), Ok(name));
        for (wrong, says) in [
            ("9949", "no port"),
            ("localhost", "no port"),
            ("localhost:http", "not a port"),
            ("localhost:65536", "not a port"),
            (":", "not a port"),
            ("::1:9949", "brackets"),
            ("[::1:9949", "brackets"),
            ("http://localhost:9949", "neither"),
        ] {
            let why = listen(wrong).unwrap_err();
            assert!(why.contains(says), "{wrong}: {why}");
        }
        for word in ["127.0.0.1:9948", "[::1]:1", ":9949", "localhost:9949"] {
            assert_eq!(listen(word).unwrap().to_string(), word);
        }
    }
}
