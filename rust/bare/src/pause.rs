// SPDX-License-Identifier: GPL-2.0

//! A VM that VMMs pause after each exit that userspace finishes: KVM_RUN completes the exit and returns
//! immediately, and the guest does not run for a while.

use crate::{
    guest::Program,
    measure::{complete, run_to_end_with, Measure},
    rows, tsc,
};
use anyhow::{Context, Result};
use std::{ops::ControlFlow, thread, time::Duration};

/// Prints the module's `user_exits N` and `user_cycles N`, and `paused N`, the TSC cycles of the pauses. Prints
/// nothing if `blind`.
pub fn run(count: u64, pause: Duration, blind: bool) -> Result<()> {
    let mut guest = Measure::new(Program::Pio, count).prepare()?;
    let mut paused = 0;
    run_to_end_with(guest.vcpu(), |vcpu| {
        complete(vcpu)?;
        let begin = tsc::now();
        thread::sleep(pause);
        paused += tsc::now() - begin;
        Ok(ControlFlow::Continue(()))
    })?;
    if blind {
        return Ok(());
    }
    let rows = rows::own_vcpus()?;
    let row = rows.first().context("the module has no such vCPU")?;
    println!("user_exits {}", row.user.exits);
    println!("user_cycles {}\npaused {paused}", row.user.cycles);
    Ok(())
}
