// SPDX-License-Identifier: GPL-2.0

//! Demo of the main use: Debian's `cpuid` reads the leaves in an L2 guest.

use crate::{
    host::Host,
    image::Guest,
    l0::L0,
    run::Run,
    stock::{Stock, HOST},
    suite::leaves::{parse, Answered},
    workspace::Workspace,
};
use anyhow::{ensure, Result};
use comfy_table::{presets::UTF8_FULL_CONDENSED, CellAlignment, Table};
use exitstat_core::{
    leaf::{Leaf, UNDEFINED},
    reason::REASONS,
};
use std::{fs, process::ExitCode, time::Duration};

/// Runs the demo and prints its transcript, then a table of the guest's readings.
pub fn run(workspace: &Workspace) -> Result<ExitCode> {
    let script = |name: &str| fs::read_to_string(workspace.path(&format!("tests/demo/{name}")));
    let run = Run {
        l1: Some(script("l1.sh")?),
        l2: vec![Guest {
            name: "l2.sh".to_owned(),
            text: script("l2.sh")?,
        }],
        echo: true,
        ..Run::default()
    };
    println!("==> booting L1, the host, and in it L2, the guest (half a minute)");
    let outcome = run.boot(workspace)?;
    if outcome.status != Some(0) {
        return Ok(outcome.exit_code());
    }

    // The sweep fills the table. It is in the report, not on the console.
    let answers = parse(outcome.report.get("sweep").unwrap_or_default());
    println!("\nWhat the guest read of itself, reason by reason (leaf 0x4FFFFFFD):\n");
    println!("{}", table(&answers)?);
    println!(
        "Cycles are those of handling in L1, which an emulator runs here: its TSC counts \
         instructions.\n`make test` proves the numbers; README.md says what they mean."
    );
    Ok(ExitCode::SUCCESS)
}

/// Runs the demo of the command without the module: an AMD processor and an old Debian kernel.
pub fn bpf(workspace: &Workspace) -> Result<ExitCode> {
    let run = Run {
        l1: Some(fs::read_to_string(workspace.path("tests/demo/bpf.sh"))?),
        l2: Guest::read_scripts(&[workspace.path("tests/lab/work.sh")])?,
        l0: Some(L0::Svm),
        stock: Some(Stock::plain("6.1")),
        command: true,
        echo: true,
        ..Run::default()
    };
    println!("==> booting an AMD host with Linux 6.1, and in it a guest (half a minute)");
    Ok(run.boot(workspace)?.exit_code())
}

/// Runs the demo on a stock Debian host, with packages and a libvirt domain.
pub fn host(workspace: &Workspace) -> Result<ExitCode> {
    let run = Run {
        host: Some(Host {
            stock: Stock::amd64(HOST),
            script: "demo.sh",
        }),
        timeout: Duration::from_secs(3600),
        echo: true,
        ..Run::default()
    };
    println!("==> booting a Debian host (four minutes)");
    Ok(run.boot(workspace)?.exit_code())
}

fn table(answers: &[Answered]) -> Result<Table> {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_header([
        "reason",
        "SDM name",
        "exits",
        "cycles",
        "cycles per exit",
    ]);
    let mut rows = 0;
    for reason in &REASONS {
        let of_reason = |a: &&Answered| a.eax == Leaf::Reason.eax() && a.ecx == reason.number;
        let Some(answer) = answers.iter().find(of_reason).map(|a| a.answer) else {
            continue;
        };
        ensure!(answer != UNDEFINED, "{} was called undefined", reason.sdm);
        let tally = answer.decode().unwrap_or_default();
        rows += 1;
        if tally.exits > 0 {
            table.add_row([
                reason.number.to_string(),
                reason.sdm.to_owned(),
                tally.exits.to_string(),
                tally.cycles.to_string(),
                (tally.cycles / tally.exits).to_string(),
            ]);
        }
    }
    ensure!(
        rows == REASONS.len(),
        "the guest read {rows} of {} reasons",
        REASONS.len()
    );
    for column in [0, 2, 3, 4] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    Ok(table)
}
