// SPDX-License-Identifier: GPL-2.0

//! A VM that is paused after each exit that user space finishes, as VMMs do it: KVM_RUN completes the
//! exit and comes back at once, and then the guest does not run for a while.

use crate::{
    guest::Program,
    measure::{run_to_end_with, Measure},
    tsc,
};
use anyhow::{bail, Context, Result};
use kvm_ioctls::VcpuFd;
use std::{fs, process, thread, time::Duration};

const VCPUS: &str = "/sys/kernel/debug/kvm_exitstat/vcpus";

/// Prints `user_exits N` and `user_cycles N`, the module's, and `paused N`, the TSC cycles of the pauses.
pub fn run(count: u64, pause: Duration) -> Result<()> {
    let measure = Measure {
        program: Program::Pio,
        count,
        late: None,
        question: (0, 0),
        vcpus: 1,
    };
    let mut guest = measure.prepare()?;
    let mut paused = 0;
    run_to_end_with(guest.vcpu(), |vcpu| {
        complete(vcpu)?;
        let begin = tsc::now();
        thread::sleep(pause);
        paused += tsc::now() - begin;
        Ok(())
    })?;
    let (user_exits, user_cycles) = of_this_process()?;
    println!("user_exits {user_exits}\nuser_cycles {user_cycles}\npaused {paused}");
    Ok(())
}

/// Has KVM complete the exit that user space has finished, and not run the guest.
fn complete(vcpu: &mut VcpuFd) -> Result<()> {
    vcpu.set_kvm_immediate_exit(1);
    let result = vcpu.run().map(|exit| format!("{exit:?}"));
    vcpu.set_kvm_immediate_exit(0);
    match result {
        Err(error) if error.errno() == 4 => Ok(()),
        other => bail!("KVM_RUN was to come back at once: {other:?}"),
    }
}

/// Exits that user space finished, and their time, of this process's vCPU: columns are VM, vCPU, process
/// id, exits, cycles, those two, process.
fn of_this_process() -> Result<(u64, u64)> {
    let text = fs::read_to_string(VCPUS).context(VCPUS)?;
    let own = process::id().to_string();
    let row = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .find(|row| row.get(2) == Some(&own.as_str()))
        .with_context(|| format!("{VCPUS} has no process {own}"))?;
    let number = |column: usize| -> Result<u64> {
        let word = row.get(column).context("a row of vcpus is too short")?;
        Ok(word.parse()?)
    };
    Ok((number(5)?, number(6)?))
}
