// SPDX-License-Identifier: GPL-2.0

//! Repeated loading and unloading of the module, with little other work in between.

use crate::tsc;
use anyhow::{bail, ensure, Context, Result};
use rustix::{
    io::Errno,
    system::{delete_module, finit_module},
};
use std::{fs, fs::File, path::Path, thread, time::Duration};

const VCPUS: &str = "/sys/kernel/debug/kvm_exitstat/vcpus";

/// Loads and unloads the module `count` times. Every other time, waits until `vcpus` vCPUs are attached before
/// it unloads. Prints `cycles N`, the duration.
pub fn run(module: &Path, count: u32, vcpus: usize) -> Result<()> {
    let file = File::open(module).with_context(|| module.display().to_string())?;
    let begin = tsc::now();
    for i in 0..count {
        finit_module(&file, c"", 0).with_context(|| format!("load {i}"))?;
        if i % 2 == 0 {
            wait_for(vcpus).with_context(|| format!("load {i}"))?;
        }
        delete_module(c"kvm_exitstat", 0).with_context(|| format!("unload {i}"))?;
    }
    println!("cycles {}", tsc::now() - begin);
    Ok(())
}

/// Loads the module with a bad parameter, which the module rejects, for `cycles` TSC cycles. Prints how many
/// times: `refused N`.
pub fn refused(module: &Path, cycles: u64) -> Result<()> {
    let file = File::open(module).with_context(|| module.display().to_string())?;
    let begin = tsc::now();
    let mut refused = 0;
    while tsc::now() - begin < cycles {
        let result = finit_module(&file, c"guest_scope=nothing", 0);
        ensure!(result == Err(Errno::INVAL), "load {refused}: {result:?}");
        refused += 1;
    }
    println!("refused {refused}");
    Ok(())
}

/// Waits until this many vCPUs are attached.
fn wait_for(vcpus: usize) -> Result<()> {
    for _ in 0..10_000 {
        let text = fs::read_to_string(VCPUS).context(VCPUS)?;
        if text
            .lines()
            .filter(|line| !line.starts_with("retired"))
            .count()
            == vcpus
        {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(1));
    }
    bail!("{vcpus} vCPUs are not attached")
}
