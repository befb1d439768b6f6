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
    /// Where to answer requests: HOST:PORT with an address or a name, all of whose addresses are used,
    /// or :PORT for all addresses of this host; port 0 for any that is free. Whoever can connect sees
    /// all VMs of the host
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
    /// Write this file, whose name should end in .prom, in place of answering requests
    #[arg(long, value_name = "PATH", conflicts_with = "listen")]
    pub textfile: Option<PathBuf>,
    /// Write the file again and again
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
    /// Also metrics of what exits were about (MSRs, ports, addresses, CPUID leaves and so on), of at most N keys of
    /// each reason. Needs the module, with its parameter `detail` set, and CAP_PERFMON
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub details: Option<u16>,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub source: SourceArgs,
}

/// Where to answer requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// At this address.
    At(SocketAddr),
    /// At this port of all addresses.
    Anywhere(u16),
    /// At this port of all addresses that a name has.
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
            .map_err(|_| format!("{port:?} is not a port, which is a number up to 65535"))?;
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
