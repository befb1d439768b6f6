// SPDX-License-Identifier: GPL-2.0

//! `exitstat export`, read by Prometheus. Needs Debian's package `prometheus`.

mod common;
mod made;
mod prometheus;

use exitstat_core::snapshot::DETAIL_IP;
use prometheus::{
    contrib, exitstat, exporter, exporter_with_messages, metrics, number, promtool, queries,
    request, run, value, Prometheus, Running,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs},
    os::unix::fs::{symlink, MetadataExt},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

#[test]
fn promtool_finds_nothing_to_say_about_the_metrics() {
    let directory = tempfile::tempdir().unwrap();
    let (recording, file) = (
        directory.path().join("x.rec"),
        directory.path().join("x.prom"),
    );
    fs::write(&recording, made::recorded(20)).unwrap();
    let status = exitstat()
        .args(["export", "--textfile"])
        .arg(&file)
        .arg("--from")
        .arg(&recording)
        .status()
        .unwrap();
    assert!(status.success());
    let written = fs::read(&file).unwrap();
    let checked = promtool(&["check", "metrics"], &written);
    assert!(
        checked.status.success() && checked.stdout.is_empty() && checked.stderr.is_empty(),
        "{checked:?}"
    );
    // promtool would complain.
    let wrong = String::from_utf8(written)
        .unwrap()
        .replace("_exits_total", "_exits");
    let checked = promtool(&["check", "metrics"], wrong.as_bytes());
    assert!(
        !checked.status.success() && !checked.stderr.is_empty(),
        "{checked:?}"
    );
}

#[test]
fn requests_are_answered_as_they_prefer() {
    let directory = tempfile::tempdir().unwrap();
    let recording = directory.path().join("x.rec");
    fs::write(&recording, made::recorded(3)).unwrap();
    let (_exporter, address) = exporter(&recording, &[]);

    let (head, old) = request(address, "GET", "/metrics", "");
    assert!(
        head.starts_with("HTTP/1.0 200") || head.starts_with("HTTP/1.1 200"),
        "{head}"
    );
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    assert!(old.contains("\n# TYPE exitstat_exits_total counter\n") && !old.contains("# EOF"));
    let (head, new) = request(
        address,
        "GET",
        "/metrics?x=y",
        "application/openmetrics-text",
    );
    assert!(
        head.contains("application/openmetrics-text; version=1.0.0"),
        "{head}"
    );
    assert!(new.contains("\n# TYPE exitstat_exits counter\n") && new.ends_with("\n# EOF\n"));
    // A process can have any name.
    let info = r#"exitstat_vm_info{vm="1",pid="1001",process="qe\"mu\\-system-x8",vm_name="",uuid="",pod="",namespace=""}"#;
    assert!(
        value(&old, info).is_some() && value(&new, info).is_some(),
        "{new}"
    );

    // Each request got the next snapshot. The last one stays.
    let cpuid = r#"exitstat_exits_total{vm="1",reason="10",name="CPUID",vendor="intel"}"#;
    let count = |text: &str| value(text, cpuid).unwrap().parse::<u64>().unwrap();
    let last = metrics(address);
    assert!(count(&old) < count(&new) && count(&new) < count(&last));
    assert_eq!(metrics(address), last);

    for (method, path, status) in [
        ("GET", "/", "200"),
        ("HEAD", "/metrics", "200"),
        ("GET", "/etc/passwd", "404"),
        ("POST", "/metrics", "405"),
    ] {
        let (head, _) = request(address, method, path, "");
        assert_eq!(
            head.split(' ').nth(1),
            Some(status),
            "{method} {path}: {head}"
        );
    }
}

/// Starts an exporter with a `--listen` option, and returns the first `count` addresses that it reports.
fn listening(recording: &Path, listen: &str, count: usize) -> (Running, Vec<SocketAddr>) {
    let mut child = exitstat()
        .args(["export", "--listen", listen, "--from"])
        .arg(recording)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let addresses = stderr.lines().take(count).map(|line| {
        let line = line.unwrap();
        let address = line.split("http://").nth(1);
        let address = address.and_then(|rest| rest.strip_suffix("/metrics"));
        address.unwrap_or_else(|| panic!("{line}")).parse().unwrap()
    });
    let addresses = addresses.collect();
    (Running(child), addresses)
}

#[test]
fn names_and_all_addresses_can_be_listened_on() {
    let directory = tempfile::tempdir().unwrap();
    let recording = directory.path().join("x.rec");
    fs::write(&recording, made::recorded(2)).unwrap();
    // The number of addresses depends on the host.
    let mut localhost: Vec<_> = ("localhost", 0).to_socket_addrs().unwrap().collect();
    localhost.sort();
    localhost.dedup();
    localhost.retain(|address| TcpListener::bind(address).is_ok());
    let (_exporter, addresses) = listening(&recording, "localhost:0", localhost.len());
    for (address, expected) in addresses.iter().zip(&localhost) {
        assert_eq!(address.ip(), expected.ip());
        assert_eq!(address.port(), addresses[0].port());
        assert!(metrics(*address).contains("exitstat_exits_total"));
    }
    assert!(!addresses.is_empty());

    let (_exporter, addresses) = listening(&recording, ":0", 1);
    assert!(addresses[0].ip().is_unspecified());
    for address in &localhost {
        let address = SocketAddr::new(address.ip(), addresses[0].port());
        assert!(metrics(address).contains("exitstat_exits_total"));
    }
    let v4 = SocketAddr::new([127, 0, 0, 1].into(), addresses[0].port());
    assert!(metrics(v4).contains("exitstat_exits_total"));

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (listen, status) in [
        ("nobody.invalid:0", 6),
        (taken.as_str(), 6),
        ("localhost", 2),
        ("[::1", 2),
    ] {
        let failed = exitstat()
            .args(["export", "--listen", listen, "--from"])
            .arg(&recording)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&failed.stderr).into_owned();
        assert_eq!(failed.status.code(), Some(status), "{said}");
        assert!(said.contains(listen), "{said}");
    }
}

#[test]
fn slow_clients_keep_nobody_waiting() {
    let directory = tempfile::tempdir().unwrap();
    let recording = directory.path().join("x.rec");
    fs::write(&recording, made::recorded(2)).unwrap();
    let (_exporter, address) = exporter(&recording, &[]);
    let silent: Vec<_> = (0..50)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost").unwrap();
            stream
        })
        .collect();
    assert!(metrics(address).contains("exitstat_exits_total"));
    drop(silent);

    // Nor do clients that never read the answers.
    let deaf: Vec<_> = (0..3)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            // More than any buffer holds.
            for _ in 0..200 {
                stream
                    .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
                    .unwrap();
            }
            stream
        })
        .collect();
    assert!(metrics(address).contains("exitstat_exits_total"));
    drop(deaf);
}

#[test]
fn series_are_those_that_were_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let recording = directory.path().join("x.rec");
    fs::write(&recording, made::recorded(40)).unwrap();
    let series = |options: &[&str]| {
        let file = directory.path().join("x.prom");
        let command = exitstat()
            .args(["export", "--textfile"])
            .arg(&file)
            .arg("--from")
            .arg(&recording)
            .args(options)
            .status()
            .unwrap();
        assert!(command.success());
        fs::read_to_string(&file).unwrap()
    };
    let (usual, all) = (series(&[]), series(&["--vm-histograms"]));
    let (no_vms, no_histograms) = (series(&["--no-vms"]), series(&["--no-histograms"]));
    assert!(usual.contains("vm=\"1\"") && !no_vms.contains("vm=\""));
    assert!(usual.contains("le=\"") && !no_histograms.contains("le=\""));
    let host_only = |text: &str| {
        let mut histograms = text.lines().filter(|line| line.contains("le=\""));
        histograms.all(|line| line.starts_with("exitstat_host_"))
    };
    assert!(host_only(&usual) && !host_only(&all));
    // VM 2 ended, but the host's counters still include it.
    assert!(!all.contains("vm=\"2\""));
    let exits = |labels: &str| {
        let series = format!("{labels},reason=\"30\",name=\"IO_INSTRUCTION\",vendor=\"intel\"}}")
            .replace("{,", "{");
        value(&all, &series)
            .unwrap_or_else(|| panic!("{series}"))
            .parse::<u64>()
            .unwrap()
    };
    let (host, vm) = (
        exits("exitstat_host_exits_total{"),
        exits("exitstat_exits_total{vm=\"1\""),
    );
    assert!(host > vm + 10_000, "{host} {vm}");

    // docs/metrics.md promises these numbers.
    let of_a_vm = |text: &str| {
        text.lines()
            .filter(|line| line.contains("vm=\"1\""))
            .count()
    };
    let reasons = 11;
    assert_eq!(of_a_vm(&usual), 2 + reasons * 4);
    assert_eq!(of_a_vm(&all), 2 + reasons * (4 + 26));
    // A histogram's last bucket equals its count.
    let mut histograms = 0;
    for line in all.lines().filter(|line| line.contains("le=\"+Inf\"")) {
        let (series, count) = line.split_once("} ").unwrap();
        let series = series
            .replace("_bucket{", "_count{")
            .replace("le=\"+Inf\",", "");
        assert_eq!(value(&all, &format!("{series}}}")), Some(count), "{series}");
        histograms += 1;
    }
    assert_eq!(histograms, 2 * reasons);
}

#[test]
fn metrics_of_the_host_grow_while_a_vm_is_taken_apart() {
    let directory = tempfile::tempdir().unwrap();
    let recording = directory.path().join("x.rec");
    let mut host = common::Host::new(1);
    let mut snapshots = Vec::new();
    for vcpu in [0, 1] {
        host.exits((0, 1, vcpu), 30, 1000, 4000, 10);
    }
    snapshots.push(host.snapshot(0));
    for (ms, vcpu) in [(1000, 0), (2000, 1)] {
        host.end_vcpu((1, vcpu));
        snapshots.push(host.snapshot(ms));
    }
    fs::write(&recording, common::recording(&snapshots)).unwrap();
    let (_exporter, address) = exporter(&recording, &[]);
    let labels = r#"{reason="30",name="IO_INSTRUCTION",vendor="intel"}"#;
    for vm in [true, false, false] {
        let metrics = metrics(address);
        let value = |metric: &str| value(&metrics, &format!("exitstat_host_{metric}{labels}"));
        assert_eq!(value("exits_total"), Some("2000"));
        assert_eq!(value("user_exits_total"), Some("20"));
        assert_eq!(value("exit_duration_seconds_count"), Some("2000"));
        assert_eq!(metrics.contains("vm=\"1\""), vm);
    }
}

/// Returns the series of exits by key: the reason's name, the key and the value.
fn keys(metrics: &str) -> BTreeMap<(String, String), u64> {
    let series = |line: &str| {
        let (labels, value) = line
            .strip_prefix("exitstat_host_key_exits_total{")?
            .split_once("} ")?;
        let label = |name: &str| {
            let value = labels.split_once(&format!("{name}=\""))?.1;
            Some(value.split_once('"')?.0.to_owned())
        };
        Some(((label(",name")?, label(",key")?), value.parse().unwrap()))
    };
    metrics.lines().filter_map(series).collect()
}

#[test]
fn details_are_exported_by_key_and_add_up() {
    let directory = tempfile::tempdir().unwrap();
    let recording = directory.path().join("x.rec");
    let (tsc, icr, eoi) = (0x6e0, 0x830, 0x80b);
    let mut host = common::Host::new(1);
    let mut snapshots = Vec::new();
    host.about((1, 0), (32, tsc, 0xffff_ffff_8106_1234), 500, 700, 0);
    host.about((1, 1), (32, tsc, 0xffff_ffff_8106_5678), 100, 700, 0);
    host.about((1, 0), (32, 0x10, 0xffff_ffff_8106_1234), 50, 700, 0);
    host.about((1, 1), (30, 0x03f8_0000, 0x0040_1000), 300, 3000, 300);
    host.exits((0, 1, 0), 32, 40, 700, 0);
    host.exits((0, 1, 0), 12, 60, 700, 0);
    snapshots.push(host.snapshot(0));
    // There is room for one of two new keys: the one with more exits.
    host.about((1, 0), (32, icr, 0), 900, 700, 0);
    host.about((1, 0), (32, eoi, 0), 800, 700, 0);
    host.about((1, 0), (32, tsc, 0xffff_ffff_8106_1234), 1, 700, 0);
    snapshots.push(host.snapshot(1000));
    host.about((1, 0), (32, icr, 0), 7, 700, 0);
    snapshots.push(host.snapshot(2000));
    // The VM is torn down.
    host.about((1, 0), (32, tsc, 0xffff_ffff_8106_1234), 2, 700, 0);
    host.end_vcpu((1, 0));
    snapshots.push(host.snapshot(3000));
    host.end_vcpu((1, 1));
    snapshots.push(host.snapshot(4000));
    // Capturing is turned off and on again.
    host.capture_anew();
    host.exits((0, 2, 0), 32, 10, 700, 0);
    snapshots.push(host.snapshot(5000));
    host.about((2, 0), (32, tsc, 0), 20, 700, 0);
    snapshots.push(host.snapshot(6000));
    // The module is reloaded.
    let mut host = common::Host::new(2);
    host.about((1, 0), (32, tsc, 0), 30, 700, 0);
    host.exits((0, 1, 0), 32, 5, 700, 0);
    snapshots.push(host.snapshot(7000));
    fs::write(&recording, common::recording(&snapshots)).unwrap();

    let (_exporter, address) = exporter(&recording, &["--details", "2"]);
    let io = 300;
    for (n, (tsc, icr, other, io)) in [
        (600, None, 90, io),
        (601, Some(0), 90 + 1700, io),
        (601, Some(7), 90 + 1700, io),
        (603, Some(7), 90 + 1700, io),
        (603, Some(7), 90 + 1700, io),
        (603, Some(7), 100 + 1700, io),
        (623, Some(7), 100 + 1700, io),
        (30, Some(0), 5, 0),
    ]
    .into_iter()
    .enumerate()
    {
        let text = metrics(address);
        let series = |name: &str, key: &str| (name.to_owned(), key.to_owned());
        let mut expected = BTreeMap::from([
            (series("MSR_WRITE", "0x6e0"), tsc),
            (series("MSR_WRITE", "other"), other),
            (series("IO_INSTRUCTION", "0x3f80000"), io),
            (series("IO_INSTRUCTION", "other"), 0),
        ]);
        expected.extend(icr.map(|icr| (series("MSR_WRITE", "0x830"), icr)));
        assert_eq!(keys(&text), expected, "{n}");
        // None is missing here, so they also add up to the CPUs' counters.
        let sum = tsc + icr.unwrap_or(0) + other;
        let host = r#"exitstat_host_exits_total{reason="32",name="MSR_WRITE",vendor="intel"}"#;
        assert_eq!(value(&text, host), Some(sum.to_string().as_str()), "{n}");
        let labels = r#"{reason="32",name="MSR_WRITE",vendor="intel",key="0x6e0",what="0x6e0 IA32_TSC_DEADLINE"}"#;
        let seconds = format!("exitstat_host_key_handling_seconds_total{labels}");
        let seconds: f64 = value(&text, &seconds).unwrap().parse().unwrap();
        let expected = (tsc * 700) as f64 / (f64::from(common::KHZ) * 1e3);
        assert!((seconds - expected).abs() < 1e-9, "{n}: {seconds}");
        assert!(!text.contains("ffffffff8106") && !text.contains("0x401000"));
        let checked = promtool(&["check", "metrics"], text.as_bytes());
        assert!(
            checked.status.success() && checked.stderr.is_empty(),
            "{checked:?}"
        );
    }
    // Only on request.
    let (_exporter, address) = exporter(&recording, &[]);
    assert!(!metrics(address).contains("_key_"));
}

#[test]
fn without_details_it_says_so_once_and_exports_the_rest() {
    let directory = tempfile::tempdir().unwrap();
    let mut ips = common::Host::new(1);
    ips.detail = DETAIL_IP;
    ips.about((1, 0), (32, 0, 0xffff_ffff_8106_1234), 500, 700, 0);
    for (name, snapshots, why) in [
        ("none", common::boot(), "--capture key"),
        ("bpf", common::amd(false), "only the module"),
        (
            "ips",
            vec![ips.snapshot(0), ips.snapshot(1000)],
            "echo both",
        ),
    ] {
        let recording = directory.path().join(name);
        fs::write(&recording, common::recording(&snapshots)).unwrap();
        let (plain, of_plain) = exporter(&recording, &[]);
        let options = ["--details", "10"];
        let (exporter, address, messages) = exporter_with_messages(&recording, &options);
        for _ in 0..3 {
            assert_eq!(metrics(address), metrics(of_plain), "{name}");
        }
        drop((plain, exporter));
        let messages: Vec<_> = messages.iter().collect();
        assert!(
            messages.len() == 1 && messages[0].contains(why),
            "{name}: {messages:?}"
        );
    }
}

#[test]
fn a_textfile_is_replaced_as_a_whole_again_and_again() {
    let directory = tempfile::tempdir().unwrap();
    let (recording, file) = (
        directory.path().join("x.rec"),
        directory.path().join("x.prom"),
    );
    fs::write(&recording, made::recorded(200)).unwrap();
    let child = exitstat()
        .args(["export", "-i", "0.02", "--textfile"])
        .arg(&file)
        .arg("--from")
        .arg(&recording)
        .spawn()
        .unwrap();
    let child = Running(child);
    let (mut inodes, mut times) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..2000 {
        // The file is renamed into place, so it is never incomplete, however often it is read.
        if let Ok(text) = fs::read_to_string(&file) {
            assert!(
                text.ends_with('\n')
                    && text.contains("\nexitstat_host_exit_duration_seconds_bucket")
            );
            let time = value(&text, "exitstat_snapshot_timestamp_seconds").unwrap();
            times.insert(time.to_owned());
            inodes.insert(fs::metadata(&file).unwrap().ino());
        }
        if times.len() >= 5 {
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
    assert!(
        times.len() >= 5 && inodes.len() >= 2,
        "{times:?} {inodes:?}"
    );
    drop(child);

    let nowhere = directory.path().join("none/x.prom");
    let failed = exitstat()
        .args(["export", "--textfile"])
        .arg(&nowhere)
        .arg("--from")
        .arg(&recording)
        .output()
        .unwrap();
    assert_eq!(failed.status.code(), Some(6));
    assert!(
        String::from_utf8_lossy(&failed.stderr).contains("none/x.prom"),
        "{failed:?}"
    );
}

#[test]
fn a_device_or_a_link_is_not_replaced_by_a_textfile() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("x.rec"), made::recorded(200)).unwrap();
    // As /dev/stdout is a link; root would replace /dev/null as well.
    symlink("/dev/null", path("link.prom")).unwrap();
    fs::create_dir(path("directory.prom")).unwrap();
    for name in ["link.prom", "directory.prom"] {
        let refused = exitstat()
            .args(["export", "--from"])
            .arg(path("x.rec"))
            .arg("--textfile")
            .arg(path(name))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(said.contains("is not a regular file"), "{name}: {said}");
        assert_eq!(refused.status.code(), Some(2), "{name}");
    }
    assert_eq!(
        fs::read_link(path("link.prom")).unwrap(),
        Path::new("/dev/null")
    );
}

#[test]
fn rules_are_sound_and_alerts_fire() {
    for name in ["exitstat", "exitstat-fleet"] {
        let checked = run(Command::new("promtool")
            .args(["check", "rules"])
            .arg(contrib(&format!("prometheus/{name}.rules.yml"))));
        assert!(checked.status.success(), "{checked:?}");
        let tested = run(Command::new("promtool")
            .args(["test", "rules"])
            .arg(contrib(&format!("prometheus/{name}.test.yml"))));
        assert!(
            tested.status.success(),
            "{}",
            String::from_utf8_lossy(&tested.stdout)
        );
    }
    // Each alert exists and has a test.
    let rules = fs::read_to_string(contrib("prometheus/exitstat.rules.yml")).unwrap();
    let tests = fs::read_to_string(contrib("prometheus/exitstat.test.yml")).unwrap();
    let alerts: Vec<_> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect();
    assert!(alerts.len() >= 10, "{alerts:?}");
    for alert in alerts {
        assert!(
            tests.contains(&format!("alertname: {alert}\n        exp_alerts:")),
            "{alert}"
        );
    }
}

#[test]
fn a_real_prometheus_answers_queries() {
    let directory = tempfile::tempdir().unwrap();
    let recording = directory.path().join("x.rec");
    // Both VMs exist until the end.
    fs::write(&recording, made::detailed(30)).unwrap();
    let (_exporter, target) = exporter(&recording, &["--details", "5"]);
    let scrape = format!(
        "scrape_configs:\n- {{job_name: exitstat, static_configs: [{{targets: ['{target}']}}]}}\n"
    );
    let prometheus = Prometheus::start(directory.path(), &scrape);

    // Prometheus has scraped the whole recording.
    prometheus.poll("up{job=\"exitstat\"}", |up| {
        up.len() == 1 && number(&up[0]) == 1.0
    });
    prometheus.poll("exitstat_snapshot_timestamp_seconds", |at| {
        at.len() == 1 && number(&at[0]) == (common::BEGIN + 29) as f64
    });

    // Rates by reason.
    let rates = "sum by (reason, name) (rate(exitstat_exits_total{vm=\"1\"}[1m]))";
    let rates = prometheus.poll(rates, |rates| rates.len() == 11);
    let rate = |name: &str| {
        let found = rates.iter().find(|rate| rate["metric"]["name"] == name);
        number(found.unwrap_or_else(|| panic!("{name}: {rates:#?}")))
    };
    assert!(
        rate("EPT_VIOLATION") > rate("MSR_READ") && rate("MSR_READ") > 0.0,
        "{rates:#?}"
    );
    // Percentiles are where `made` put them: 1/16 of HLT's exits are in bucket 17. At 2 GHz its bounds are
    // bucket limits.
    let p99 =
        "histogram_quantile(0.99, sum by (name, le) (exitstat_host_exit_duration_seconds_bucket))";
    let p99 = prometheus.query(p99).unwrap();
    let hlt = p99
        .iter()
        .find(|p99| p99["metric"]["name"] == "HLT")
        .unwrap();
    let bucket = f64::from(1 << 17) / (f64::from(common::KHZ) * 1e3);
    assert!((bucket..2.0 * bucket).contains(&number(hlt)), "{hlt:#?}");
    // The stored counters equal the recording.
    let stored = prometheus
        .query("sum(exitstat_host_exits_total) - sum(exitstat_exits_total)")
        .unwrap();
    assert_eq!(stored.iter().map(number).collect::<Vec<_>>(), [0.0]);

    // The query for keys in docs/metrics.md.
    let top = r#"topk(5, sum by (name, what) (rate(exitstat_host_key_exits_total{name=~"MSR_.*", key!="other"}[1m])))"#;
    let top = prometheus.query(top).unwrap();
    assert!(
        top.len() == 1
            && top[0]["metric"]["what"] == "0x6e0 IA32_TSC_DEADLINE"
            && number(&top[0]) > 0.0,
        "{top:#?}"
    );

    // The rules were evaluated.
    prometheus.poll(
        "instance_reason:exitstat_exit_duration_seconds:p99_5m",
        |all| all.len() == 11,
    );

    // Each query of the dashboard has results.
    let dashboard = fs::read_to_string(contrib("grafana/exitstat.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let queries = queries(&dashboard);
    assert!(queries.len() > 15, "{queries:#?}");
    for query in queries {
        assert!(!prometheus.query(&query).unwrap().is_empty(), "{query}");
    }
    assert!(prometheus.query("sum(").is_err());
}
