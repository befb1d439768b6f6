// SPDX-License-Identifier: GPL-2.0

//! A guest that exits as fast as possible on all vCPUs, and whose CPUID output must not change meanwhile.

use crate::{guest::Program, measure::run_to_end, vm::Vm};
use anyhow::{Context, Result};
use kvm_bindings::kvm_regs;
use std::thread;

/// Runs until killed, or until a vCPU detects an error.
pub fn run(vcpus: u64, nice: i32) -> Result<()> {
    rustix::process::nice(nice).context("nice")?;
    let vm = Vm::new()?;
    let (ends, ended) = std::sync::mpsc::channel();
    for id in 0..vcpus {
        let mut vcpu = vm.vcpu(id, Program::Noise, &kvm_regs::default())?;
        let ends = ends.clone();
        thread::spawn(move || ends.send(run_to_end(&mut vcpu).context(format!("vCPU {id}"))));
    }
    ended.recv()?
}
