// SPDX-License-Identifier: GPL-2.0

//! `exitstat report --format perfetto`: a trace agrees with the report.

mod common;
mod made;

use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    process::{Command, Output},
};
use tempfile::TempDir;

struct Recorded(TempDir);

impl Recorded {
    fn new(bytes: &[u8]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("x.rec"), bytes).unwrap();
        Self(directory)
    }

    fn report(&self, options: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_exitstat"))
            .current_dir(self.0.path())
            .args(["report", "x.rec", "--format"])
            .args(options)
            .output()
            .unwrap()
    }

    fn json(&self, options: &[&str]) -> Value {
        let output = self.report(options);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn trace(&self, options: &[&str]) -> Trace {
        let trace = self.json(&[&["perfetto"], options].concat());
        Trace(trace["traceEvents"].as_array().unwrap().clone())
    }
}

struct Trace(Vec<Value>);

impl Trace {
    fn of(&self, phase: &str) -> impl Iterator<Item = &Value> {
        let phase = phase.to_owned();
        self.0.iter().filter(move |event| event["ph"] == *phase)
    }

    /// Returns the names of processes or threads, by process and thread.
    fn names(&self, what: &str) -> BTreeMap<(u64, u64), String> {
        let names = self.of("M").filter(|event| event["name"] == what);
        let name = |event: &Value| {
            let number = |name: &str| event[name].as_u64().unwrap();
            let text = event["args"]["name"].as_str().unwrap();
            ((number("pid"), number("tid")), text.to_owned())
        };
        names.map(name).collect()
    }

    /// Sums the counters in the slices of all intervals, by reason.
    fn counts(&self, name: &str) -> BTreeMap<String, u64> {
        let mut sums = BTreeMap::new();
        for interval in self.of("X") {
            for (reason, count) in interval["args"][name].as_object().unwrap() {
                *sums.entry(reason.clone()).or_default() += count.as_u64().unwrap();
            }
        }
        sums
    }
}

/// Returns a field of a report by reason: `exits` of the row, or `user_cycles` of its vCPUs.
fn reported(report: &Value, field: &str) -> BTreeMap<String, u64> {
    let rows = report["reasons"].as_array().unwrap().iter();
    let figures = rows.map(|row| {
        let figure = row[field].as_u64().or(row["vcpus"][field].as_u64());
        (row["name"].as_str().unwrap().to_owned(), figure.unwrap())
    });
    figures.filter(|(_, figure)| *figure > 0).collect()
}

/// Returns a time of an event in nanoseconds.
fn ns(event: &Value, field: &str) -> u64 {
    (event[field].as_f64().unwrap() * 1e3).round() as u64
}

#[test]
fn sums_are_those_of_the_report() {
    let recorded = Recorded::new(&made::marked(40, &[(10, "login"), (20, "work")]));
    for scope in [&[][..], &["--vm", "1"], &["--vm", "2"], &["--cpu", "1"]] {
        let trace = recorded.trace(scope);
        let report = recorded.json(&[&["json"], scope].concat());
        for field in ["exits", "cycles"] {
            assert_eq!(trace.counts(field), reported(&report, field), "{scope:?}");
        }
        if scope.first() != Some(&"--cpu") {
            let user = reported(&report, "user_cycles");
            assert!(!user.is_empty());
            assert_eq!(trace.counts("user_cycles"), user, "{scope:?}");
        }
    }
}

#[test]
fn counters_are_what_was_counted_per_second() {
    let recorded = Recorded::new(&made::recorded(40));
    let trace = recorded.trace(&[]);
    let khz = f64::from(common::KHZ);
    for (name, field, scale) in [
        ("exits/s", "exits", 1.0),
        ("kernel ms/s", "cycles", khz),
        ("userspace ms/s", "user_cycles", khz),
    ] {
        let counters = trace
            .of("C")
            .filter(|event| event["name"] == name && event["pid"] == 1);
        let intervals: Vec<_> = trace.of("X").collect();
        let mut sums = BTreeMap::<_, u64>::new();
        let mut counted = 0;
        for (counter, interval) in counters.zip(&intervals) {
            counted += 1;
            assert_eq!(ns(counter, "ts"), ns(interval, "ts"));
            let seconds = ns(interval, "dur") as f64 / 1e9;
            for (reason, rate) in counter["args"].as_object().unwrap() {
                let count = (rate.as_f64().unwrap() * scale * seconds).round() as u64;
                *sums.entry(reason.clone()).or_default() += count;
                let exactly = interval["args"][field].get(reason);
                assert_eq!(count, exactly.map_or(0, |n| n.as_u64().unwrap()), "{name}");
            }
        }
        assert_eq!(counted, 39, "{name}");
        sums.retain(|_, sum| *sum > 0);
        assert_eq!(sums, trace.counts(field));
    }
    // Each VM has separate rates, which add up to the host's.
    let total = |pid: u64, at: u64| -> f64 {
        let mut counters = trace.of("C").filter(|event| {
            event["name"] == "exits/s" && event["pid"] == pid && ns(event, "ts") == at
        });
        let values = counters.next().unwrap()["args"].as_object().unwrap();
        values.values().map(|rate| rate.as_f64().unwrap()).sum()
    };
    let processes = trace.names("process_name");
    let vms: Vec<_> = processes
        .keys()
        .map(|(pid, _)| *pid)
        .filter(|pid| *pid != 1)
        .collect();
    assert_eq!(vms.len(), 2);
    let at = 15_000_000_000;
    let of_vms: f64 = vms.iter().map(|&pid| total(pid, at)).sum();
    assert!((total(1, at) - of_vms).abs() < 1e-6, "{of_vms}");
}

#[test]
fn times_ascend_and_intervals_follow_one_another() {
    let recorded = Recorded::new(&made::marked(40, &[(10, "login")]));
    let trace = recorded.trace(&[]);
    let mut end = 0;
    for interval in trace.of("X") {
        assert_eq!(ns(interval, "ts"), end);
        end += ns(interval, "dur");
    }
    assert_eq!(end, 39_000_000_000);
    // Slices are written when they end.
    let mut now = 0;
    for event in trace.0.iter().filter(|event| event["ph"] != "X") {
        assert!(ns(event, "ts") >= now, "{event}");
        now = ns(event, "ts");
    }
}

#[test]
fn phases_are_slices() {
    let marks = [(10, "login"), (20, "first"), (20, "work"), (39, "end")];
    let recorded = Recorded::new(&made::marked(40, &marks));
    let trace = recorded.trace(&[]);
    let phases = |ph: &str| -> Vec<_> {
        let events = trace.of(ph).filter(|event| event["tid"] == 1);
        let event = |event: &Value| {
            let name = event["name"].as_str().unwrap_or_default().to_owned();
            (name, ns(event, "ts") / 1_000_000_000)
        };
        events.map(event).collect()
    };
    let at = |name: &str, seconds| (name.to_owned(), seconds);
    assert_eq!(
        phases("B"),
        [
            at("(begin)", 0),
            at("login", 10),
            at("work", 20),
            at("end", 39)
        ]
    );
    assert_eq!(phases("i"), [at("first", 20)]);
    let ends: Vec<_> = phases("E").into_iter().map(|(_, at)| at).collect();
    assert_eq!(ends, [10, 20, 39, 39]);
}

#[test]
fn vms_are_processes_and_vcpus_threads() {
    let recorded = Recorded::new(&made::recorded(40));
    let trace = recorded.trace(&[]);
    let processes = trace.names("process_name");
    let names: Vec<_> = processes.values().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "host",
            "VM 1 (qe\"mu\\-system-x8, pid 1001)",
            "VM 2 (qe\"mu\\-system-x8, pid 1002)"
        ]
    );
    let threads = trace.names("thread_name");
    let names: Vec<_> = threads.values().map(String::as_str).collect();
    assert_eq!(names, ["phases", "intervals", "vCPU 0", "vCPU 1", "vCPU 0"]);
    // VM 2 exists only for a part of the recording.
    let last = *threads.keys().last().unwrap();
    let slice: Vec<_> = trace
        .0
        .iter()
        .filter(|event| event["tid"] == last.1 && event["ph"] != "M")
        .map(|event| {
            (
                event["ph"].as_str().unwrap(),
                ns(event, "ts") / 1_000_000_000,
            )
        })
        .collect();
    assert_eq!(slice, [("B", 9), ("E", 32)]);

    let of_vm = recorded.trace(&["--vm", "2"]);
    let names: Vec<_> = of_vm.names("process_name").into_values().collect();
    assert_eq!(names, ["VM 2 (qe\"mu\\-system-x8, pid 1002)"]);
    let names: Vec<_> = of_vm.names("thread_name").into_values().collect();
    assert_eq!(names, ["phases", "intervals", "vCPU 0"]);
    let of_reason = recorded.trace(&["--reason", "HLT"]);
    assert_eq!(of_reason.counts("exits").len(), 1);
}

#[test]
fn what_has_no_times_has_no_counters_of_them() {
    let recorded = Recorded::new(&common::recording(&common::amd(true)));
    let trace = recorded.trace(&[]);
    assert!(trace.of("C").all(|event| event["name"] == "exits/s"));
    assert!(trace.of("C").count() > 0);
}

#[test]
fn what_is_no_trace_is_an_error() {
    let whole = made::recorded(5);
    let recorded = Recorded::new(&whole);
    let output = recorded.report(&["perfetto", "--vm", "9"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty());
    let recorded = Recorded::new(&made::recorded(1));
    let output = recorded.report(&["perfetto"]);
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    // A truncated recording yields the rest of it, and a message.
    let recorded = Recorded::new(&whole[..whole.len() - 100]);
    let output = recorded.report(&["perfetto"]);
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    let trace: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(trace["traceEvents"]
        .as_array()
        .is_some_and(|events| events.len() > 10));
}
