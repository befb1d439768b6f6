// SPDX-License-Identifier: GPL-2.0

//! Cost of an exit per observer: the same guests under an unpatched KVM, exitstat, and the alternatives to it.
//! On one emulated CPU the TSC counts instructions, so costs are exact.

mod measured;
mod plot;

use crate::{
    kernel,
    l0::L0,
    run::Run,
    stock::{Stock, HOST},
    suite::check,
    workspace::Workspace,
};
use anyhow::{bail, ensure, Context, Result};
use comfy_table::{presets::UTF8_FULL_CONDENSED, CellAlignment, Table};
use measured::{Measured, Row, BCC_ROWS, PROGRAMS, ROWS, STOCK_ROWS};
use serde_json::{json, Map, Value};
use std::{fs, thread, time::Duration};

/// Document that `scripts/bench-cpu.sh` writes. It is included in `build/bench.json`.
const ON_THE_PROCESSOR: &str = "build/bench-cpu.json";
/// Programs of this machine for L1.
const PEERS: [&str; 2] = ["/usr/bin/perf", BPFTRACE];
const BPFTRACE: &str = "/usr/bin/bpftrace";
const RESULT: &str = "build/bench.json";
const PICTURE: &str = "build/bench.svg";

/// Measures, prints the tables, and writes `build/bench.json` and the picture.
pub fn run(workspace: &Workspace) -> Result<()> {
    let shared = kernel::compared(workspace, "tests/bench/shared-atomics.patch")?;
    let debian = Stock::amd64(HOST);
    let version = debian.build(workspace)?.version()?;
    eprintln!(
        "==> booting L1 three times, and in each guests without an operating system (10 minutes)"
    );
    let run = |name: &str| -> Result<Run> {
        let script = |name: &str| fs::read_to_string(workspace.path("tests/bench").join(name));
        Ok(Run {
            l1: Some(script("measure.sh")? + &script(name)?),
            l0: Some(L0::Bochs),
            memory: Some(2048),
            timeout: Duration::from_secs(2400),
            ..Run::default()
        })
    };
    let own = Run {
        kvms: vec![("shared-atomics", shared.modules())],
        tools: PEERS.to_vec(),
        ..run("l1.sh")?
    };
    let stock = Run {
        stock: Some(debian),
        command: true,
        tools: vec![BPFTRACE],
        ..run("stock.sh")?
    };
    let bcc = Run {
        stock: Some(debian),
        files: vec![(debian.bcc(workspace)?, "lab/bcc.tar.gz".to_owned())],
        ..run("bcc.sh")?
    };
    let (own, stock) = thread::scope(|scope| {
        let own = scope.spawn(|| measure(workspace, &own, ROWS));
        let stock = measure(workspace, &stock, STOCK_ROWS).map(|mut stock| {
            // bcc compiles against the kernel's headers and may not support a new kernel yet.
            match measure(workspace, &bcc, BCC_ROWS) {
                Ok(kvmexit) => stock.add(kvmexit),
                Err(error) => eprintln!("lab: no row of bcc's kvmexit: {error:#}"),
            }
            stock
        });
        let own = own.join().unwrap_or_else(|_| bail!("it panicked"));
        (own, stock)
    });
    let (own, stock) = (own?, stock?);

    for (kernel, measured) in [("The lab's own kernel", &own), (&version, &stock)] {
        println!("{kernel}:\n{}", table(measured));
        println!("How each was started:");
        for (row, how) in &measured.how {
            println!("  {row:16} {}", how.replace('\n', "\n                   "));
        }
    }

    fs::create_dir_all(workspace.path("build"))?;
    let mut result = document(&own);
    result.insert("schema".to_owned(), json!("exitstat-bench/1"));
    let mut of_stock = document(&stock);
    of_stock.insert("kernel".to_owned(), json!(version));
    result.insert("stock".to_owned(), Value::Object(of_stock));
    if let Ok(text) = fs::read_to_string(workspace.path(ON_THE_PROCESSOR)) {
        let more: Map<String, Value> = serde_json::from_str(&text).context(ON_THE_PROCESSOR)?;
        result.extend(more);
    }
    let text = serde_json::to_string_pretty(&result)?;
    fs::write(workspace.path(RESULT), text + "\n")?;
    let added: Vec<_> = own.rows[1..]
        .iter()
        .filter_map(|&(row, title)| Some((title, own.more("cpuid", row)?)))
        .collect();
    let picture = plot::draw(&added).map_err(|error| anyhow::anyhow!("{error}"))?;
    fs::write(workspace.path(PICTURE), picture)?;
    println!("{RESULT} has all of it, {PICTURE} is the picture of the first.");
    Ok(())
}

/// Boots L1 and runs the guests' measurements.
fn measure(workspace: &Workspace, run: &Run, rows: &'static [Row]) -> Result<Measured> {
    let outcome = run.boot(workspace)?;
    let failed = check::made_in_l1(&outcome.report)
        .into_iter()
        .filter_map(|check| Some(format!("{}: {}", check.name, check.result.err()?)))
        .collect::<Vec<_>>();
    if outcome.status != Some(0) || !failed.is_empty() {
        eprintln!("{}", outcome.console);
    }
    ensure!(outcome.status == Some(0), "the script in L1 failed");
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    Measured::parse(&outcome.report, rows).map_err(anyhow::Error::msg)
}

/// Returns the table: the cost of an unobserved exit, then what each row adds to it.
fn table(measured: &Measured) -> Table {
    let mut table = Table::new();
    let titles = PROGRAMS.iter().map(|(_, _, title)| *title);
    table
        .load_preset(UTF8_FULL_CONDENSED)
        .set_header(["instructions per exit"].into_iter().chain(titles));
    for &(row, title) in &measured.rows {
        let cells = PROGRAMS.iter().map(|&(program, _, _)| {
            let Some(cost) = measured.cost(program, row) else {
                return String::new();
            };
            match measured.more(program, row) {
                Some(more) if row != "unpatched" => format!("{more:+}"),
                _ => cost.median.to_string(),
            }
        });
        table.add_row([title.to_owned()].into_iter().chain(cells));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Returns the content of `build/bench.json`; docs/bench.md describes the keys.
fn document(measured: &Measured) -> Map<String, Value> {
    let by_program = |value: fn(measured::Cost) -> Value| -> Value {
        let programs = PROGRAMS.iter().map(|&(program, key, _)| {
            let rows = measured.rows.iter().filter_map(|(row, _)| {
                Some(((*row).to_owned(), value(measured.cost(program, row)?)))
            });
            (key.to_owned(), Value::Object(rows.collect()))
        });
        Value::Object(programs.collect())
    };
    let mut document = Map::new();
    let mut insert = |key: &str, value| document.insert(key.to_owned(), value);
    insert(
        "instructions_per_exit",
        by_program(|cost| json!(cost.median)),
    );
    insert(
        "spread",
        by_program(|cost| json!([cost.spread.0, cost.spread.1])),
    );
    insert(
        "mean_instructions_per_exit",
        by_program(|cost| json!(cost.mean)),
    );
    let how = measured
        .how
        .iter()
        .map(|(row, how)| ((*row).to_owned(), json!(how)));
    insert("started", Value::Object(how.collect()));
    document
}
