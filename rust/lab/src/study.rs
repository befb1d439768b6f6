// SPDX-License-Identifier: GPL-2.0

//! The study: recordings of many kinds of guests, and their evaluation by `exitstat`.

use crate::{
    command::run as run_command, image::Guest, report::bytes, run::Run, workspace::Workspace,
};
use anyhow::{anyhow, ensure, Context, Result};
use std::{fs, path::PathBuf, time::Duration};

/// Runs of L1, named by their scripts `tests/report/NAME.sh`, and whether they need the Debian guest. All have
/// the small guests, which run the scripts in `tests/report/guests/`.
const RUNS: [(&str, bool); 4] = [
    ("small", false),
    ("debian", true),
    ("settings", false),
    ("keys", true),
];

/// Maximum minutes of a run.
const MINUTES: u64 = 40;

/// Makes the recordings of the named runs, or of all, and then the pictures and tables.
pub fn run(workspace: &Workspace, names: &[String]) -> Result<()> {
    for name in names {
        ensure!(
            RUNS.iter().any(|(run, _)| run == name),
            "there is no run {name}; there are: {}",
            RUNS.map(|(run, _)| run).join(", ")
        );
    }
    for (name, debian) in RUNS {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            record(workspace, name, debian).with_context(|| format!("the run {name}"))?;
        }
    }
    println!("==> pictures and tables of docs/report.md");
    // Tables first: the prose is checked against them.
    for test in ["the_report_is", "each_number"] {
        run_command(
            workspace
                .cargo()
                .env("EXITSTAT_UPDATE", "1")
                .args(["test", "--quiet", "--package", "exitstat"])
                .args(["--test", "study", test, "--", "--nocapture"]),
        )?;
    }
    Ok(())
}

/// Boots L1 once and writes the recordings made there to `docs/report`.
fn record(workspace: &Workspace, name: &str, debian: bool) -> Result<()> {
    println!("==> booting L1 for the run {name}");
    let script = workspace.path(&format!("tests/report/{name}.sh"));
    let dir = workspace.path("tests/report/guests");
    let mut guests: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(&dir).with_context(|| dir.display().to_string())? {
        guests.push(entry?.path());
    }
    guests.sort();
    let library = workspace.path("tests/report/lib.sh");
    let outcome = Run {
        l1: Some(fs::read_to_string(script)?),
        l2: Guest::read_scripts(&guests)?,
        timeout: Duration::from_secs(MINUTES * 60),
        full_qemu: true,
        command: true,
        memory: Some(if debian { 2048 } else { 1024 }),
        files: vec![(library, "lab/study.sh".to_owned())],
        debian,
        echo: true,
        ..Run::default()
    }
    .boot(workspace)?;
    let docs = workspace.path("docs/report");
    fs::create_dir_all(&docs)?;
    for (recording, text) in outcome.report.all("recording ") {
        let bytes = bytes(text).map_err(|error| anyhow!("recording {recording}: {error}"))?;
        fs::write(docs.join(format!("{recording}.rec")), bytes)?;
    }
    ensure!(
        outcome.status == Some(0),
        "L1 failed: {:?} {}",
        outcome.status,
        outcome.l0_log
    );
    Ok(())
}
