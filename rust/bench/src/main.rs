// SPDX-License-Identifier: GPL-2.0

//! `exitstat-bench`: tables of the cost of recording and reading, and of memory.
//!
//!     exitstat-bench memory [SIZES]                      # fails if something has grown
//!     exitstat-bench results CRITERION JSON [SIZES]      # also if parsing is not linear
//!
//! CRITERION is the directory of Criterion's results, JSON the file to write, SIZES the output of
//! `scripts/memory.sh` for KVM. docs/bench.md describes the JSON.

mod estimates;
mod machine;
mod memory;
mod results;
mod table;

use std::{env, error::Error, fs, path::Path, process::ExitCode};

fn run() -> Result<bool, Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match *arguments {
        ["memory", ref sizes @ ..] if sizes.len() <= 1 => {
            let memory = memory(sizes)?;
            println!("{}", memory::table(&memory));
            Ok(is_well(&memory::complaints(&memory)))
        }
        ["results", criterion, json, ref sizes @ ..] if sizes.len() <= 1 => {
            let memory = memory(sizes)?;
            let results = results::Results::new(&estimates::read(Path::new(criterion))?)?;
            println!("{}", machine::line());
            println!("\n{}", results.recording_table());
            println!("\n{}", results.whole_exit_table());
            println!("\n{}", results.reading_table());
            println!("\n{}", memory::table(&memory));
            fs::write(json, format!("{:#}\n", results.json(&memory)))?;
            println!("\n{json}");
            let complaints = [memory::complaints(&memory), results.complaints()].concat();
            Ok(is_well(&complaints))
        }
        _ => Err("usage: exitstat-bench memory [SIZES] | results CRITERION JSON [SIZES]".into()),
    }
}

fn memory(sizes: &[&str]) -> Result<Vec<memory::Item>, Box<dyn Error>> {
    let mut items = memory::of_the_module();
    for file in sizes {
        items.extend(memory::of_kvm(&fs::read_to_string(file)?)?);
    }
    Ok(items)
}

fn is_well(complaints: &[String]) -> bool {
    for complaint in complaints {
        eprintln!("{complaint}");
    }
    complaints.is_empty()
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("exitstat-bench: {error}");
            ExitCode::from(2)
        }
    }
}
