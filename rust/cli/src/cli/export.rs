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
      for a node_exporter that runs already; opens no port
  exitstat export --details 20
      also MSRs, ports, addresses and CPUID leaves, once the module captures them:
      echo key >/sys/module/kvm_exitstat/parameters/detail

  exitstat export --listen :9948 --web.config.file /etc/exitstat/web.yml
      for a Prometheus on another host, with TLS and a password

docs/metrics.md lists the metrics and bounds their number. docs/fleet.md is about many hosts.";

/// Metrics for Prometheus
///
/// Answers HTTP requests for /metrics, in OpenMetrics or in the older text format, as the request
/// prefers. Each answer is a new snapshot. Or writes a file for node_exporter's textfile collector.
///
/// The device is open only while it is read, so the module can be unloaded meanwhile. Without the
/// module, and before kvm_intel or kvm_amd is loaded, requests get status 503 and the reason. BPF counts
/// for as long as the exporter runs, or longer with --pin.
#[derive(Args, Debug)]
#[command(after_long_help = AFTER_HELP)]
pub struct ExportArgs {
    /// Listen here: HOST:PORT with an address or a name, all of whose addresses are used, or :PORT for all
    /// addresses of this host; port 0 takes a free one. Whoever can connect sees all VMs of the host
    #[arg(long, value_name = "[HOST]:PORT", default_value = "127.0.0.1:9948")]
    pub listen: Listen,
    /// Take TLS and passwords from this YAML file, in the format of node_exporter and others; docs/metrics.md lists
    /// its fields
    #[arg(
        long = "web.config.file",
        id = "web.config.file",
        value_name = "FILE",
        conflicts_with = "textfile"
    )]
    pub web_config_file: Option<PathBuf>,
    /// Write this file, whose name should end in .prom, instead of answering requests
    #[arg(long, value_name = "PATH", conflicts_with = "listen")]
    pub textfile: Option<PathBuf>,
    /// Write the file each INTERVAL
    #[arg(short, long, value_parser = super::interval, requires = "textfile")]
    pub interval: Option<Duration>,
    /// Omit metrics of VMs
    #[arg(long)]
    pub no_vms: bool,
    /// Omit all histograms, which are most of the host's series
    #[arg(long)]
    pub no_histograms: bool,
    /// Also export histograms of each VM: up to 26 series for each of its reasons
    #[arg(long, conflicts_with_all = ["no_vms", "no_histograms"])]
    pub vm_histograms: bool,
    /// Also export exits by key (MSR, port, address, CPUID leaf and so on), at most N keys per reason. Needs the
    /// module, with its parameter `detail` set, and CAP_PERFMON
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
            .ok_or("no port; give one, such as localhost:9948")?;
        let port = port
            .parse()
            .map_err(|_| format!("{port:?} is not a port (0 to 65535)"))?;
        match host {
            "" => Ok(Self::Anywhere(port)),
            _ if host.contains([':', '[', ']', '/']) => Err(format!(
                "{host:?} is neither an address nor a name; IPv6 addresses have brackets, such as [::1]:9948"
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
