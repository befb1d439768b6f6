// SPDX-License-Identifier: GPL-2.0

//! VM entries that fail outright: no exit, no count. The module `failed_entry` of the tests has them fail.

use crate::{
    guest::Program,
    measure::{complete, Guest, Measure},
    rows,
};
use anyhow::{bail, ensure, Context, Result};
use kvm_ioctls::{VcpuExit, VcpuFd};
use std::fs;

/// Written to, the entry of that number from now on fails, of this process's.
const NTH: &str = "/sys/module/failed_entry/parameters/nth";
/// VM-instruction error of an entry with an invalid control field.
const INVALID_CONTROL: u64 = 7;

/// Of so many exits, that in the middle is of the program's loop: it takes some 150 before.
const MANY: u64 = 1000;

/// Entries that fail first of all, after exits that user space finished, and between exits that KVM
/// handles, in its inner loop too. No counter may change by one, and exits are exact at the end.
pub fn run(count: u64) -> Result<()> {
    let mut guest = prepare(Program::Pio, count)?;
    fails_uncounted(guest.vcpu()).context("a vCPU's first entry")?;
    let rows = rows::own_vcpus()?;
    ensure!(rows.is_empty(), "it has counters: {rows:?}");
    let readings = guest.run_with(|vcpu| {
        complete(vcpu)?;
        fails_uncounted(vcpu).context("after port I/O")
    })?;
    let mut failed = 1 + count;
    exact(&readings, count)?;

    for program in [Program::Cpuid, Program::Wrmsr] {
        let mut guest = prepare(program, MANY)?;
        fails(guest.vcpu(), MANY / 2).with_context(|| format!("{program:?}"))?;
        let readings = guest.run()?;
        failed += 1;
        // CPUID is one more: the second reading.
        exact(&readings, MANY + u64::from(program == Program::Cpuid))
            .with_context(|| format!("{program:?}"))?;
    }
    println!("{failed} entries failed, and none was counted");
    Ok(())
}

fn prepare(program: Program, count: u64) -> Result<Guest> {
    Measure::new(program, count).prepare()
}

fn exact(readings: &crate::Readings, count: u64) -> Result<()> {
    let (before, after) = (
        crate::defined(readings.before)?,
        crate::defined(readings.after)?,
    );
    let exits = after.exits.wrapping_sub(before.exits);
    ensure!(exits == count, "{exits} exits, not {count}");
    Ok(())
}

/// The next entry fails, which nothing shows that the module has. No other guest may run.
fn fails_uncounted(vcpu: &mut VcpuFd) -> Result<()> {
    let counters = || -> Result<Vec<String>> {
        let files = ["totals", "cpus", "vcpus", "reasons"];
        files.into_iter().map(rows::read).collect()
    };
    let before = counters()?;
    fails(vcpu, 1)?;
    for (before, after) in before.iter().zip(counters()?) {
        ensure!(*before == after, "counters were\n{before}and are\n{after}");
    }
    Ok(())
}

/// Runs the vCPU until the `nth` entry fails.
fn fails(vcpu: &mut VcpuFd, nth: u64) -> Result<()> {
    fs::write(NTH, nth.to_string()).context(NTH)?;
    match vcpu.run().context("KVM_RUN")? {
        VcpuExit::FailEntry(INVALID_CONTROL, _) => Ok(()),
        exit => bail!("no entry failed: {exit:?}"),
    }
}
