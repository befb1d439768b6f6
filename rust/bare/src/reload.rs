// SPDX-License-Identifier: GPL-2.0

//! The module loaded and unloaded again and again, by nothing that takes time of its own.

use crate::tsc;
use anyhow::{bail, ensure, Context, Result};
use rustix::{
    io::Errno,
    system::{delete_module, finit_module},
};
use std::{fs, fs::File, path::Path, thread, time::Duration};

const VCPUS: &str = "/sys/kernel/debug/kvm_exitstat/vcpus";

/// Loads and unloads `count` times; every other time unloads only when `vcpus` of them are attached.
/// Prints `cycles N`, the time that it took.
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

/// Loads with a bad parameter, which the module refuses, for `cycles` of time. Prints how many times,
/// `refused N`.
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

/// Waits until so many vCPUs are attached.
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
