// SPDX-License-Identifier: GPL-2.0

//! A guest that watches the clock on all vCPUs: a stalled vCPU sees a gap.

use crate::{
    guest::Program,
    measure::run_to_end_with,
    vm::{Vm, READINGS},
};
use anyhow::{bail, ensure, Context, Result};
use kvm_bindings::kvm_regs;
use std::{ops::ControlFlow, path::Path, thread};

/// Runs until the file `until` exists.
pub fn run(vcpus: u64, until: &Path) -> Result<()> {
    ensure!(vcpus > 0, "a guest has at least one vCPU");
    let vm = Vm::new()?;
    let place = |id| READINGS + 16 * id;
    let mut watching = Vec::new();
    for id in 0..vcpus {
        let registers = kvm_regs {
            rsi: place(id),
            ..Default::default()
        };
        watching.push(vm.vcpu(id, Program::Watch, &registers)?);
    }
    thread::scope(|scope| {
        let threads: Vec<_> = watching
            .iter_mut()
            .map(|vcpu| {
                scope.spawn(|| {
                    run_to_end_with(vcpu, |_| {
                        Ok(if until.exists() {
                            ControlFlow::Break(())
                        } else {
                            ControlFlow::Continue(())
                        })
                    })
                })
            })
            .collect();
        for (id, thread) in threads.into_iter().enumerate() {
            match thread.join() {
                Ok(result) => result.with_context(|| format!("vCPU {id}"))?,
                Err(_) => bail!("vCPU {id} panicked"),
            }
        }
        Ok(())
    })?;

    let word = |at| u64::from_le_bytes(vm.memory.read(at));
    let longest = (0..vcpus).map(|id| word(place(id))).max();
    let cycles = (0..vcpus).map(|id| word(place(id) + 8)).min();
    println!("longest {}", longest.context("no vCPU")?);
    println!("cycles {}", cycles.context("no vCPU")?);
    Ok(())
}
