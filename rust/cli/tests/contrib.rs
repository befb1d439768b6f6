// SPDX-License-Identifier: GPL-2.0

//! Files of contrib/ for Kubernetes and for fleets of hosts.

mod prometheus;

use clap::Parser;
use exitstat_cli::cli::{Cli, Command as Subcommand};
use prometheus::{contrib, run};
use serde::Deserialize;
use serde_json::Value;
use std::{fs, process::Command};

fn documents(name: &str) -> Vec<Value> {
    let text = fs::read_to_string(contrib(name)).unwrap();
    let documents = serde_norway::Deserializer::from_str(&text);
    documents
        .map(|document| Value::deserialize(document).unwrap())
        .collect()
}

#[test]
fn the_daemon_set_has_least_privileges_and_options_that_exist() {
    let documents = documents("kubernetes/exitstat.yaml");
    let kind = |kind: &str| {
        let found = documents.iter().find(|document| document["kind"] == kind);
        found.unwrap_or_else(|| panic!("{kind}"))
    };
    let template = &kind("DaemonSet")["spec"]["template"];
    let pod = &template["spec"];
    let [container] = pod["containers"].as_array().unwrap().as_slice() else {
        panic!("{pod}");
    };
    let security = &container["securityContext"];
    assert_eq!(security["privileged"], false);
    assert_eq!(security["allowPrivilegeEscalation"], false);
    assert_eq!(security["readOnlyRootFilesystem"], true);
    assert_eq!(
        security["capabilities"],
        serde_json::json!({"drop": ["ALL"], "add": ["BPF", "PERFMON"]})
    );
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["hostNetwork"], Value::Null);
    let volumes = pod["volumes"].as_array().unwrap();
    assert!(volumes.iter().all(|volume| volume["hostPath"].is_null()));

    let arguments = container["args"].as_array().unwrap().iter();
    let arguments = arguments.map(|argument| argument.as_str().unwrap());
    let cli = Cli::try_parse_from(["exitstat"].into_iter().chain(arguments)).unwrap();
    cli.check().unwrap();
    let Some(Subcommand::Export(export)) = cli.command else {
        panic!("not an exporter");
    };
    // The Secret's files exist, and the scraped port is the exporter's.
    let web = export.web_config_file.unwrap();
    let mounted = container["volumeMounts"][0]["mountPath"].as_str().unwrap();
    assert_eq!(web.parent(), Some(mounted.as_ref()));
    let port = &container["ports"][0];
    assert_eq!(
        export.listen.to_string(),
        format!(":{}", port["containerPort"])
    );
    let monitor = &kind("PodMonitor")["spec"];
    assert_eq!(monitor["podMetricsEndpoints"][0]["port"], port["name"]);

    // All selectors match the pods.
    let labels = &template["metadata"]["labels"];
    assert_eq!(&monitor["selector"]["matchLabels"], labels);
    assert_eq!(
        &kind("DaemonSet")["spec"]["selector"]["matchLabels"],
        labels
    );
}

#[test]
fn the_configuration_of_prometheus_is_valid_and_keeps_all_recorded_sums() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["scrape", "exitstat.rules", "exitstat-fleet.rules"] {
        let name = format!("{name}.yml");
        fs::copy(
            contrib(&format!("prometheus/{name}")),
            directory.path().join(name),
        )
        .unwrap();
    }
    // Files that users provide.
    for name in ["exitstat-ca.crt", "exitstat-password", "exitstat-hosts.yml"] {
        fs::write(directory.path().join(name), "").unwrap();
    }
    let checked = run(Command::new("promtool")
        .current_dir(directory.path())
        .args(["check", "config", "scrape.yml"]));
    assert!(checked.status.success(), "{checked:?}");

    let scrape = &documents("prometheus/scrape.yml")[0];
    let keep = &scrape["remote_write"][0]["write_relabel_configs"][0]["regex"];
    let (levels, _) = keep.as_str().unwrap().split_once("):exitstat_").unwrap();
    let levels: Vec<_> = levels.trim_start_matches('(').split('|').collect();
    let mut recorded = 0;
    for name in ["exitstat", "exitstat-fleet"] {
        let rules = &documents(&format!("prometheus/{name}.rules.yml"))[0];
        for rule in rules["groups"][0]["rules"].as_array().unwrap() {
            if let Some(record) = rule["record"].as_str() {
                let (level, _) = record.split_once(':').unwrap();
                assert!(levels.contains(&level), "{record}");
                recorded += 1;
            }
        }
    }
    assert_eq!(recorded, 17);
}
