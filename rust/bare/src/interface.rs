// SPDX-License-Identifier: GPL-2.0

//! The interface leaf: all vCPUs of a VM always read the same generation.

use crate::{
    first::ask,
    guest::{Mode, Program},
    vm::Vm,
};
use anyhow::{ensure, Context, Result};
use exitstat_core::leaf::{self, INTERFACE};
use kvm_bindings::kvm_regs;
use rustix::system::{delete_module, finit_module};
use std::{fs::File, path::Path};

/// Prints `generation N`. Fails if the leaf is not answered. With `module`, reloads it and checks that the
/// generation changes.
pub fn run(module: Option<&Path>) -> Result<()> {
    let vm = Vm::new()?;
    let mode = Mode::Long { ring: 0 };
    let mut told = Vec::new();
    for id in 0..2 {
        let mut vcpu = vm.vcpu(id, Program::First { mode }, &kvm_regs::default())?;
        let start = vcpu.get_regs()?;
        // Any subleaf works. The first query is in the vCPU's first exit.
        for ecx in [0, 1, u32::MAX] {
            vcpu.set_regs(&start)?;
            let answer = ask(&mut vcpu, INTERFACE, ecx)?;
            let generation = answer.generation();
            told.push(generation.with_context(|| format!("CPUID said {answer:x?}"))?);
        }
    }
    let first = told[0];
    ensure!(
        told.iter().all(|&generation| generation == first),
        "one VM was told of several generations: {told:x?}"
    );
    ensure!(leaf::SIGNATURE == [0x7469_7865, 0x7461_7473]);
    println!("generation {first}");
    if let Some(module) = module {
        let file = File::open(module).with_context(|| module.display().to_string())?;
        delete_module(c"kvm_exitstat", 0).context("delete_module")?;
        finit_module(&file, c"", 0).context("finit_module")?;
        let mut vcpu = vm.vcpu(2, Program::First { mode }, &kvm_regs::default())?;
        let again = ask(&mut vcpu, INTERFACE, 0)?.generation();
        ensure!(
            again.is_some_and(|again| again != first),
            "loaded again: {again:x?}"
        );
    }
    Ok(())
}
