// SPDX-License-Identifier: GPL-2.0

//! A real Prometheus scrapes twenty exporters. All queries of the dashboards and all rules are compared with
//! the recordings.

mod common;
#[path = "fleet/model.rs"]
mod model;
#[path = "prometheus/mod.rs"]
mod prometheus;
#[path = "fleet/promql.rs"]
mod promql;

use model::{above, join, top, Expected, Labels, Vector, SNAPSHOTS};
use prometheus::{
    contrib, exitstat, exporter, metrics, number, promtool, queries, run, Prometheus,
};
use promql::timeless;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::Path,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

const WEEK: f64 = 7.0 * 24.0 * 3600.0;

/// Expected result of a query.
enum Answer {
    /// Exactly these labels with these values, except for rounding.
    Is(Vector),
    /// These labels with quantiles within the bound in docs/metrics.md.
    Quantiles(Vector),
}

use Answer::{Is, Quantiles};

impl Answer {
    fn check(&self, what: &str, result: &Vector) {
        let (expected, is): (_, fn(f64, f64) -> bool) = match self {
            Is(expected) => (expected, |a, b| {
                (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
            }),
            Quantiles(expected) => (expected, |told, exact| {
                told > exact / 4.0 && told < 4.0 * exact
            }),
        };
        let labels = |vector: &Vector| vector.keys().cloned().collect::<BTreeSet<Labels>>();
        assert_eq!(labels(result), labels(expected), "{what}");
        for (labels, &value) in result {
            let expected = expected[labels];
            assert!(
                is(value, expected),
                "{what} {labels:?}: {value}, not {expected}"
            );
        }
    }
}

/// Converts a result, without the metric's name.
fn vector(result: &[Value]) -> Vector {
    let labels = |series: &Value| {
        let labels = series["metric"].as_object().unwrap().iter();
        let labels = labels.filter(|(label, _)| *label != "__name__");
        labels
            .map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned()))
            .collect::<Labels>()
    };
    result
        .iter()
        .map(|series| (labels(series), number(series)))
        .collect()
}

/// Returns the seconds since 1970.
fn now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs_f64()
}

/// Stores the fleet's data of a week ago: counters, and sums recorded by rules.
fn store_past(directory: &Path, past: &Expected, now: f64) {
    let mut text = String::new();
    let mut put = |metric: &str, labels: &Labels, value: f64| {
        let labels: Vec<_> = labels.iter().map(|(k, v)| format!("{k}=\"{v}\"")).collect();
        for minutes in (-58..10).step_by(4) {
            let at = now - WEEK + f64::from(minutes * 60);
            writeln!(text, "{metric}{{{}}} {value} {at:.3}", labels.join(",")).unwrap();
        }
    };
    // Several VMs add to the same series of the host.
    let mut counters: BTreeMap<_, f64> = BTreeMap::new();
    for sample in &past.samples {
        if sample.metric == "vm_info" {
            put("exitstat_vm_info", &sample.labels, 1.0);
        } else if sample.metric.ends_with("_total") {
            *counters.entry((sample.metric, &sample.labels)).or_default() += sample.value;
        }
    }
    for ((metric, labels), value) in counters {
        put(&format!("exitstat_{metric}"), labels, value);
    }
    for what in ["exits", "handling_seconds", "user_seconds"] {
        for (level, metric, by) in [
            ("instance", format!("host_{what}_total"), &["instance"][..]),
            ("instance_vm", format!("{what}_total"), &["instance", "vm"]),
            (
                "reason",
                format!("host_{what}_total"),
                &["vendor", "reason", "name"],
            ),
        ] {
            for (labels, value) in past.sum(&metric, by) {
                put(&format!("{level}:exitstat_{what}:rate5m"), &labels, value);
            }
        }
        let named = format!("instance_vm_name:exitstat_{what}:rate5m");
        for (labels, value) in past.sum_by_vm_name(&format!("{what}_total")) {
            put(&named, &labels, value);
        }
    }
    text.push_str("# EOF\n");
    let file = directory.join("past.txt");
    fs::write(&file, text).unwrap();
    let stored = run(Command::new("promtool")
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .args([&file, &directory.join("data")]));
    assert!(stored.status.success(), "{stored:?}");
}

/// Returns the expected results of each query in contrib/grafana/exitstat.json, by panel.
fn answers_of_hosts(all: &Expected) -> BTreeMap<&'static str, Vec<Answer>> {
    let vm = &["instance", "vm"];
    let share = |metric: &str| {
        let vcpus = all.sum("vm_vcpus", vm);
        join(&all.sum(metric, vm), &vcpus, |a, b| a / b)
    };
    let per_process = |of_vms: Vector| {
        let info = all.sum("vm_info", &["instance", "vm", "vm_name", "pid", "process"]);
        top(50, &join(&info, &of_vms, |a, b| a * b))
    };
    let by_name = |metric: &str| above(0.0, &all.sum(metric, &["name"]));
    let of_key = |metric: &str| Is(top(10, &all.sum(metric, &["name", "what"])));
    let one = |value: f64| Is(Vector::from([(Labels::new(), value)]));
    BTreeMap::from([
        ("VM exits", vec![Is(all.sum("host_exits_total", &[]))]),
        (
            "CPUs handling exits",
            vec![Is(all.sum("host_handling_seconds_total", &[]))],
        ),
        ("VMs", vec![one(all.sum("vm_vcpus", vm).len() as f64)]),
        (
            "Undefined reasons",
            vec![Is(all.sum("undefined_exits_total", &[]))],
        ),
        (
            "vCPUs not attached",
            vec![Is(all.sum("unattached_vcpus", &[]))],
        ),
        ("VM exits by reason", vec![Is(by_name("host_exits_total"))]),
        (
            "Handling time by reason",
            vec![Is(by_name("host_handling_seconds_total"))],
        ),
        (
            "Userspace time by reason",
            vec![Is(by_name("host_user_seconds_total"))],
        ),
        (
            "Table of VMs",
            vec![
                Is(per_process(all.sum("exits_total", vm))),
                Is(per_process(share("handling_seconds_total"))),
                Is(per_process(share("user_seconds_total"))),
            ],
        ),
        (
            "VM exits by VM",
            vec![Is(top(20, &all.sum("exits_total", vm)))],
        ),
        (
            "Handling time by VM",
            vec![Is(top(20, &share("handling_seconds_total")))],
        ),
        (
            "Userspace time by VM",
            vec![Is(top(20, &share("user_seconds_total")))],
        ),
        (
            "VM exits by reason, selected VMs",
            vec![Is(by_name("exits_total"))],
        ),
        (
            "Userspace time by reason, selected VMs",
            vec![Is(by_name("user_seconds_total"))],
        ),
        (
            "99th percentile of handling time, by reason",
            vec![Quantiles(all.p99(&["name"]))],
        ),
        (
            "Average handling time, by reason",
            vec![Is(join(
                &all.sum("handling_seconds_total", &["name"]),
                &all.sum("exits_total", &["name"]),
                |a, b| a / b,
            ))],
        ),
        ("VM exits by key", vec![of_key("host_key_exits_total")]),
        (
            "Handling time by key",
            vec![of_key("host_key_handling_seconds_total")],
        ),
    ])
}

const KINDS: [(&str, &str); 3] = [
    ("VM exits", "exits"),
    ("Handling time", "handling_seconds"),
    ("Userspace time", "user_seconds"),
];

const REASON: [&str; 3] = ["vendor", "reason", "name"];

/// Returns the expected results of each query in contrib/grafana/exitstat-fleet.json, by panel.
fn answers_of_the_fleet(all: &Expected, past: &Expected) -> BTreeMap<String, Vec<Answer>> {
    let mut answers = BTreeMap::from([(
        "99th percentile of handling time, by reason".to_owned(),
        vec![Quantiles(all.p99(&["vendor", "name"]))],
    )]);
    for (title, what) in KINDS {
        let (host, vm) = (format!("host_{what}_total"), format!("{what}_total"));
        let sums = |expected: &Expected, of: &str| match of {
            "host" => expected.sum(&host, &["instance"]),
            "VM" => expected.sum_by_vm_name(&vm),
            _ => expected.sum(&host, &REASON),
        };
        for (of, is_top) in [("host", true), ("VM", true), ("reason", false)] {
            let now = sums(all, of);
            let gained = join(&now, &sums(past, of), |now, past| now - past);
            let (now, gained) = match is_top {
                true => (top(20, &now), top(20, &gained)),
                false => (above(0.0, &now), gained),
            };
            answers.insert(format!("{title} by {of}"), vec![Is(now)]);
            answers.insert(format!("{title} by {of}: change"), vec![Is(gained)]);
        }
    }
    answers
}

/// Returns the expected result of each rule's expression.
fn answers_of_rules(all: &Expected) -> BTreeMap<String, Answer> {
    let vm = &["instance", "vm"];
    let of_vm = &["instance", "vm", "reason", "name"];
    let of_reason = ["instance", "vendor", "reason", "name"];
    let share = |metric: &str| {
        let vcpus = all.sum("vm_vcpus", vm);
        join(&all.sum(metric, vm), &vcpus, |a, b| a / b)
    };
    let vms_with = |reason: &str, least: f64| {
        let sums = all.sum_if("exits_total", vm, |name| name == reason);
        Is(above(least, &sums))
    };
    let mut answers = BTreeMap::new();
    for (_, what) in KINDS {
        let (host, of_vms) = (format!("host_{what}_total"), format!("{what}_total"));
        for (level, metric, by) in [
            ("instance_reason", &host, &of_reason[..]),
            ("instance_vm", &of_vms, vm),
            ("instance", &host, &["instance"]),
            ("reason", &host, &REASON),
        ] {
            let name = format!("{level}:exitstat_{what}:rate5m");
            answers.insert(name, Is(all.sum(metric, by)));
        }
        let name = format!("instance_vm_name:exitstat_{what}:rate5m");
        answers.insert(name, Is(all.sum_by_vm_name(&of_vms)));
    }
    let average = join(
        &all.sum("handling_seconds_total", of_vm),
        &above(10.0, &all.sum("exits_total", of_vm)),
        |a, b| a / b,
    );
    let failed =
        |name: &str| ["INVALID_STATE", "MSR_LOAD_FAIL", "MCE_DURING_VMENTRY"].contains(&name);
    let failed = all.sum_if("host_exits_total", &["instance", "name"], failed);
    let alerts = [
        (
            "VmExitsCostMuch",
            Is(above(0.3, &share("handling_seconds_total"))),
        ),
        (
            "VmUserSpaceExitsCostMuch",
            Is(above(0.2, &share("user_seconds_total"))),
        ),
        ("VmExitsSlow", Is(above(0.0005, &average))),
        ("VmSpins", vms_with("PAUSE_INSTRUCTION", 5000.0)),
        ("VmLocksTheBus", vms_with("BUS_LOCK", 10.0)),
        ("VmResetsItself", vms_with("TRIPLE_FAULT", 2.0)),
        ("VmEntryFails", Is(failed)),
        ("ExitstatAbsentEverywhere", Is(Vector::new())),
    ];
    answers.extend(alerts.map(|(name, answer)| (name.to_owned(), answer)));
    answers
}

/// Returns the queries of each panel with its title.
fn panels(name: &str) -> Vec<(String, Vec<String>)> {
    let text = fs::read_to_string(contrib(&format!("grafana/{name}.json"))).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    panels
        .map(|panel| {
            let mut title = panel["title"].as_str().unwrap().to_owned();
            if panel["type"] == "table" {
                title = format!("Table of {title}");
            }
            let only = serde_json::json!({ "panels": [panel] });
            (title, queries(&only))
        })
        .filter(|(_, queries)| !queries.is_empty())
        .collect()
}

#[test]
fn queries_and_rules_are_right_across_twenty_hosts() {
    let directory = tempfile::tempdir().unwrap();
    let fleet = model::fleet();
    let (all, past) = (
        Expected::after(&fleet, SNAPSHOTS),
        Expected::after(&model::fleet_of_last_week(), 1),
    );
    store_past(directory.path(), &past, now());

    // A scrape may take as long as the interval. If one takes longer, Prometheus drops the host's series.
    let mut scrape =
        "scrape_configs:\n- job_name: exitstat\n  scrape_interval: 2s\n  static_configs:\n"
            .to_owned();
    let exporters: Vec<_> = fleet
        .iter()
        .map(|host| {
            let recording = directory.path().join(host.instance());
            fs::write(&recording, host.recording()).unwrap();
            let options: &[&str] = if host.has_keys() {
                &["--details", "5"]
            } else {
                &[]
            };
            let (running, address) = exporter(&recording, options);
            let instance = host.instance();
            writeln!(
                scrape,
                "  - {{targets: ['{address}'], labels: {{instance: {instance}}}}}"
            )
            .unwrap();
            (running, address)
        })
        .collect();
    let prometheus = Prometheus::start(directory.path(), &scrape);
    let scraped = prometheus.poll("exitstat_snapshot_timestamp_seconds", |at| {
        let last = (common::BEGIN + SNAPSHOTS - 1) as f64;
        at.len() == fleet.len() && at.iter().all(|at| number(at) == last)
    });
    // Queries use the time at which all hosts had been scraped, so that scrapes missed later on a busy machine
    // do not matter.
    let then = scraped[0]["value"][0].as_f64();
    let query = |query: &str| prometheus.query_at(query, then).unwrap();

    // Rules.
    let rules = prometheus.get("/api/v1/rules").unwrap();
    let groups = rules["data"]["groups"].as_array().unwrap().iter();
    let rules: Vec<Value> = groups
        .flat_map(|group| group["rules"].as_array().unwrap().clone())
        .collect();
    let text = |rule: &Value, field: &str| rule[field].as_str().unwrap().to_owned();
    let recorded: BTreeMap<_, _> = rules
        .iter()
        .filter(|rule| rule["type"] == "recording")
        .map(|rule| (text(rule, "name"), text(rule, "query")))
        .collect();
    let answers = answers_of_rules(&all);
    for rule in &rules {
        let name = text(rule, "name");
        let timeless = timeless(&text(rule, "query"), &recorded, false);
        let result = vector(&query(&timeless));
        match (answers.get(&name), name.as_str()) {
            (Some(answer), _) => answer.check(&name, &result),
            (None, "instance_reason:exitstat_exit_duration_seconds:p99_5m") => {
                let mut result = result;
                result = result
                    .into_iter()
                    .map(|(mut labels, value)| {
                        labels.remove("reason");
                        (labels, value)
                    })
                    .collect();
                Quantiles(all.p99(&["instance", "vendor", "name"])).check(&name, &result);
            }
            (None, "reason_le:exitstat_exit_duration_seconds_bucket:rate5m") => {
                check_buckets(&all, &name, &result);
            }
            // Quantiles near the threshold can be on either side of it.
            (None, "HostExitsSlow") => {
                let names: BTreeSet<_> = result.keys().map(|labels| &labels["name"]).collect();
                assert_eq!(names, BTreeSet::from([&"PREEMPTION_TIMER".to_owned()]));
            }
            (None, "ExitstatVcpusUnattached") => {
                assert_eq!(
                    result.len(),
                    above(0.0, &all.sum("unattached_vcpus", &["instance"])).len()
                );
            }
            (None, "ExitstatReasonUndefined") => {
                let hosts: Vec<_> = result.keys().map(|labels| &labels["instance"]).collect();
                assert_eq!(hosts, ["host-04"]);
            }
            (None, "ExitstatAbsent" | "ExitstatGone") => assert_eq!(result, Vector::new()),
            // The recordings are old.
            (None, "ExitstatStale") => assert_eq!(result.len(), fleet.len()),
            (None, _) => panic!("{name}: what it has to answer is not known here"),
        }
    }
    assert!(rules.len() > answers.len(), "{rules:#?}");

    // Dashboards.
    let hosts = answers_of_hosts(&all);
    let hosts: BTreeMap<_, _> = hosts.into_iter().map(|(t, a)| (t.to_owned(), a)).collect();
    for (name, mut answers) in [
        ("exitstat", hosts),
        ("exitstat-fleet", answers_of_the_fleet(&all, &past)),
    ] {
        for (title, queries) in panels(name) {
            let results = queries
                .iter()
                .map(|text| vector(&query(&timeless(text, &recorded, false))));
            let results: Vec<_> = results.collect();
            // With rates, like Grafana's queries.
            for query in &queries {
                prometheus.poll(query, |result| !result.is_empty());
            }
            if title.starts_with("Handling time per exit: ") {
                let sums = all.sum("host_exits_total", &[]);
                let last = results[0].iter().find(|(labels, _)| labels["le"] == "+Inf");
                assert_eq!(last.map(|last| *last.1), sums.values().next().copied());
                assert_eq!(results[0].len(), 24);
                continue;
            }
            let answers = answers
                .remove(&title)
                .unwrap_or_else(|| panic!("{name}, {title}: what it has to answer is not known"));
            assert_eq!(answers.len(), results.len(), "{title}");
            for (answer, result) in answers.iter().zip(&results) {
                answer.check(&format!("{name}, {title}"), result);
            }
        }
        assert!(answers.is_empty(), "{name}: {:?}", answers.keys());
    }
    // By now the rules have recorded.
    for rule in rules.iter().filter(|rule| rule["type"] == "recording") {
        prometheus.poll(&text(rule, "name"), |all| !all.is_empty());
    }
    let rules = prometheus.get("/api/v1/rules").unwrap();
    assert!(!rules.to_string().contains(r#""health":"err""#), "{rules}");

    // The number of series and of bytes is within the limits of docs/metrics.md.
    for (host, (_, address)) in fleet.iter().zip(&exporters) {
        check_size(&metrics(*address), host.most_series());
    }
}

/// Checks histograms of all hosts: each reason has the same limits, and the last bucket has all of its exits.
fn check_buckets(all: &Expected, what: &str, result: &Vector) {
    let mut limits: BTreeMap<Labels, BTreeSet<String>> = BTreeMap::new();
    let mut last = Vector::new();
    for (labels, &value) in result {
        let mut reason = labels.clone();
        let limit = reason.remove("le").unwrap();
        if limit == "+Inf" {
            last.insert(reason.clone(), value);
        }
        limits.entry(reason).or_default().insert(limit);
    }
    Is(all.sum("host_exits_total", &REASON)).check(what, &last);
    let first = limits.values().next().unwrap();
    assert_eq!(first.len(), 24);
    assert!(limits.values().all(|limits| limits == first));
}

/// Checks the limits of docs/metrics.md: the number of series, and the bytes for them.
fn check_size(text: &str, most_series: usize) -> usize {
    let series = text.lines().filter(|line| !line.starts_with('#')).count();
    assert!(series <= most_series, "{series} {most_series}");
    assert!(text.len() <= 4096 + 150 * series, "{series} {}", text.len());
    series
}

#[test]
fn the_size_of_200_vms_is_as_documented() {
    let directory = tempfile::tempdir().unwrap();
    let (recording, file) = (
        directory.path().join("x.rec"),
        directory.path().join("x.prom"),
    );
    let mut host = common::Host::new(1);
    let reasons = [1, 7, 10, 12, 28, 30, 31, 32, 48, 49, 52];
    for vm in 1..=200 {
        for reason in reasons {
            // Use long numbers.
            host.exits((0, vm, 0), reason, 1 << 40, 12_345, 1 << 30);
        }
    }
    fs::write(&recording, common::recording(&[host.snapshot(0)])).unwrap();
    let size = |options: &[&str]| {
        let status = exitstat()
            .args(["export", "--textfile"])
            .arg(&file)
            .arg("--from")
            .arg(&recording)
            .args(options)
            .status();
        assert!(status.unwrap().success());
        let text = fs::read_to_string(&file).unwrap();
        let checked = promtool(&["check", "metrics"], text.as_bytes());
        assert!(checked.status.success(), "{checked:?}");
        (
            text.lines().filter(|line| !line.starts_with('#')).count(),
            text,
        )
    };
    let docs = fs::read_to_string(contrib("../docs/metrics.md")).unwrap();
    let mut missing = Vec::new();
    for options in [
        &[][..],
        &["--no-histograms"],
        &["--no-vms"],
        &["--vm-histograms"],
    ] {
        let (series, text) = size(options);
        let (r, v) = (reasons.len(), 200);
        let of_vm = if options == ["--vm-histograms"] {
            32
        } else {
            6
        };
        check_size(&text, 5 + 32 * r + v * (2 + of_vm * r));
        let kib = text.len().div_ceil(10 * 1024) * 10;
        let options = match options {
            [] => "without options".to_owned(),
            [option, ..] => format!("`{option}`"),
        };
        let row = format!("| {options} | {} | {kib} KiB |", thousands(series));
        missing.extend((!docs.contains(&row)).then_some(row));
    }
    assert!(missing.is_empty(), "docs/metrics.md lacks: {missing:#?}");
}

/// Formats a number like the docs.
fn thousands(n: usize) -> String {
    match (n / 1000, n % 1000) {
        (0, rest) => rest.to_string(),
        (more, rest) => format!("{more},{rest:03}"),
    }
}
