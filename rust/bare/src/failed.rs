// SPDX-License-Identifier: GPL-2.0

//! VM entries that fail outright: they are not exits. The test module `failed_entry` makes them fail.

use crate::{
    guest::Program,
    measure::{complete, Guest, Measure},
    rows,
};
use anyhow::{bail, ensure, Context, Result};
use kvm_ioctls::{VcpuExit, VcpuFd};
use std::fs;

/// Writing a number here makes this process's entry with that number from now fail.
const NTH: &str = "/sys/module/failed_entry/parameters/nth";
/// VM-instruction error of an entry with an invalid control field.
const INVALID_CONTROL: u64 = 7;

/// Enough exits for the middle one to be in the program's loop, which follows about 150 others.
const MANY: u64 = 1000;

/// Makes entries fail: the first one, those after exits that userspace finished, and those between exits that
/// KVM handles, including in its inner loop. No counter may change, and the exits must be exact at the end.
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
        // CPUID has one more exit: the second reading.
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

/// Makes the next entry fail and checks that the module counts nothing. No other guest may run.
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
