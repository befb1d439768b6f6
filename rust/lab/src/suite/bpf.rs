// SPDX-License-Identifier: GPL-2.0

//! Counting by BPF on kernels without exitstat, against the histogram of the tracepoint `kvm:kvm_exit`.

use super::{
    agreement::parse_histogram,
    check::{self, Check},
    scenarios::{none, scripts, Scenario, LONG},
};
use crate::{l0::L0, report::Report, run::Run, stock::Stock, workspace::Workspace};
use anyhow::Result;
use exitstat_core::svm;
use serde_json::Value;
use std::collections::BTreeMap;

/// Returns the scenarios for every change: the newest kernel and the oldest, on AMD, which is fast to emulate.
pub fn all(workspace: &Workspace) -> Result<Vec<Scenario>> {
    Ok(vec![
        on_amd("bpf-7.3-amd", "7.3", &["bpf"], workspace)?,
        on_amd("bpf-6.1-amd", "6.1", &["bpf"], workspace)?,
    ])
}

/// Returns the scenarios that take longer.
pub fn long(workspace: &Workspace) -> Result<Vec<Scenario>> {
    let intel = |name, series| -> Result<Scenario> {
        Ok(Scenario {
            name,
            about:
                "Debian's kernel as packaged, on Intel: exits counted by BPF equal the tracepoint's",
            minutes: 5,
            run: Run {
                l0: Some(L0::Bochs),
                ..on(series, &["bpf"], workspace)?
            },
            checks: none,
        })
    };
    Ok(vec![
        intel("bpf-7.3", "7.3")?,
        intel("bpf-7.2", "7.2")?,
        intel("bpf-6.12", "6.12")?,
        intel("bpf-6.1", "6.1")?,
        Scenario {
            name: "bpf-beside",
            about: "Debian's 7.3 with the module: it and BPF count the same exits",
            minutes: 3,
            run: Run {
                l0: Some(L0::Bochs),
                stock: Some(Stock::amd64("7.3")),
                ..on("7.3", &["bpf-beside"], workspace)?
            },
            checks: none,
        },
        Scenario {
            name: "bpf-7.3-smp",
            about: "Debian's kernel as packaged, on Intel, two CPUs: one goes and comes while BPF counts",
            minutes: 6,
            run: Run {
                l0: Some(L0::Bochs),
                cpus: 2,
                ..on("7.3", &["bpf-hotplug"], workspace)?
            },
            checks: none,
        },
        on_amd("bpf-6.12-amd", "6.12", &["bpf"], workspace)?,
        on_amd("bpf-faults-7.3-amd", "7.3", &["bpf-faults"], workspace)?,
        on_amd("bpf-faults-6.1-amd", "6.1", &["bpf-faults"], workspace)?,
    ])
}

fn on_amd(
    name: &'static str,
    series: &'static str,
    names: &[&str],
    workspace: &Workspace,
) -> Result<Scenario> {
    Ok(Scenario {
        name,
        about: "Debian's kernel as packaged, on AMD: exits counted by BPF equal the tracepoint's",
        minutes: 2,
        run: Run {
            l0: Some(L0::Svm),
            ..on(series, names, workspace)?
        },
        checks: none,
    })
}

fn on(series: &'static str, names: &[&str], workspace: &Workspace) -> Result<Run> {
    Ok(Run {
        stock: Some(Stock::plain(series)),
        command: true,
        tools: vec!["/usr/bin/setpriv"],
        timeout: LONG,
        ..scripts(workspace, names)?
    })
}

/// Compares the exits of each reason.
fn compare(exits: &str, histogram: &str, unattached: &str) -> Result<String, String> {
    let json: Value = serde_json::from_str(exits).map_err(|e| format!("{e}: {exits:?}"))?;
    if json["source"] != "bpf" {
        return Err(format!("source is {}", json["source"]));
    }
    let expected: u64 = unattached.trim().parse().map_err(|e| format!("{e}"))?;
    let seen = json["unattached"].as_u64();
    if seen != Some(expected) {
        return Err(format!("unattached is {seen:?}, not {expected}"));
    }
    let traced = parse_histogram(histogram)?;
    let (mut counted, mut wrong) = (BTreeMap::new(), Vec::new());
    let number = |value: &Value| value.as_u64().unwrap_or(u64::MAX);
    for row in json["reasons"].as_array().into_iter().flatten() {
        let reason = match number(&row["number"]) as u32 {
            svm::OTHER => svm::OTHER,
            // The histogram counts by the low half too.
            number => number & 0xffff,
        };
        let exits = number(&row["exits"]);
        counted.insert(reason, exits);
        let vcpus = &row["vcpus"];
        if expected == 0 && number(&vcpus["exits"]) != exits {
            wrong.push(format!("of the host {exits}, of vCPUs {vcpus}"));
        }
        // Without times, there are no histograms either.
        if row["cycles"].is_null() {
            continue;
        }
        let buckets = vcpus["histogram"].as_array().into_iter().flatten();
        let in_buckets: u64 = buckets.map(|bucket| number(&bucket["exits"])).sum();
        if in_buckets != number(&vcpus["exits"]) {
            wrong.push(format!("reason {reason}: {in_buckets} in buckets, {vcpus}"));
        }
        // vCPUs without room in the maps have exits only.
        if expected == 0 && number(&row["cycles"]) == 0 {
            wrong.push(format!("reason {reason} took no time: {row}"));
        }
    }
    for reason in traced.keys().chain(counted.keys()) {
        let (traced, counted) = (traced.get(reason), counted.get(reason));
        if traced != counted {
            wrong.push(format!(
                "reason {reason}: {counted:?} counted, {traced:?} traced"
            ));
        }
    }
    match wrong.is_empty() {
        true => Ok(format!(
            "{} exits, {} reasons, all equal",
            traced.values().sum::<u64>(),
            traced.len()
        )),
        false => Err(wrong.join("; ")),
    }
}

/// Returns a check for each call of `agrees` in a script.
pub fn checks(report: &Report) -> Vec<Check> {
    check::for_each(report, "bpf", "unattached", |name, section| {
        Check::new(format!("BPF agrees with the tracepoint, {name}"), || {
            compare(section("exits"), section("hist"), section("unattached"))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HISTOGRAM: &str = "{ exit_reason:        114 } hitcount:          7\n\
        { exit_reason: 4294967295 } hitcount:          1\n\
        Totals:\n    Hits: 8\n    Entries: 2\n    Dropped: 0\n";

    fn json(cpuid: u64, buckets: u64, vcpus: u64) -> String {
        format!(
            r#"{{"source":"bpf","unattached":0,"reasons":[
            {{"number":114,"exits":{cpuid},"cycles":9,"vcpus":{{"exits":{vcpus},"histogram":[{{"exits":{buckets}}}]}}}},
            {{"number":4294967295,"exits":1,"cycles":9,"vcpus":{{"exits":1,"histogram":[{{"exits":1}}]}}}}]}}"#
        )
    }

    #[test]
    fn equal_counts_agree_and_others_do_not() {
        let seen = compare(&json(7, 7, 7), HISTOGRAM, "0\n");
        assert_eq!(seen.as_deref(), Ok("8 exits, 2 reasons, all equal"));
        for (cpuid, buckets, vcpus) in [(6, 6, 6), (7, 6, 7), (7, 7, 6), (8, 8, 8)] {
            assert!(compare(&json(cpuid, buckets, vcpus), HISTOGRAM, "0\n").is_err());
        }
        assert!(compare(&json(7, 7, 7), HISTOGRAM, "1\n").is_err());
        let other = json(7, 7, 7).replace("bpf", "device");
        assert!(compare(&other, HISTOGRAM, "0\n").is_err());
        let untimed = json(7, 7, 7).replace("\"cycles\":9", "\"cycles\":0");
        assert!(compare(&untimed, HISTOGRAM, "0\n").is_err());
        let more = HISTOGRAM.replace("Totals", "{ exit_reason: 3 } hitcount: 1\nTotals");
        assert!(compare(&json(7, 7, 7), &more, "0\n").is_err());
    }
}
