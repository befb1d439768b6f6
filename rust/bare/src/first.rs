// SPDX-License-Identifier: GPL-2.0

//! vCPUs that query leaves before the module has counters for them: in their first exit, or without any exit.

use crate::{
    guest::{Mode, Program},
    measure::run_to_end,
    rows,
    vm::{set_real_mode, Vm},
};
use anyhow::{bail, ensure, Context, Result};
use exitstat_core::{
    leaf::{Answer, Leaf},
    tally::Tally,
};
use kvm_bindings::kvm_regs;
use kvm_ioctls::VcpuFd;
use std::collections::BTreeMap;

/// Basic exit reasons.
const CPUID: u32 = 10;
const IO: u32 = 30;

/// Checks in every mode that a leaf queried in a vCPU's first exit counts that exit. A host interrupt may cause
/// an exit before; then another vCPU is tried.
pub fn exit() -> Result<()> {
    for leaf in Leaf::ALL {
        let mut tries = 0;
        while !ask_first(leaf).with_context(|| format!("{leaf:?}"))? {
            tries += 1;
            ensure!(tries < 100, "never was the CPUID a vCPU's first exit");
        }
    }
    println!("a vCPU's first exit is in its answer");
    Ok(())
}

/// Returns false if the CPUID was not the vCPU's first exit.
fn ask_first(leaf: Leaf) -> Result<bool> {
    let vm = Vm::new()?;
    // Maps the pages that the next vCPU touches, because a VM's vCPUs share page tables. It never executes
    // CPUID, so a wrong answer about CPUID would be all zeros.
    let mut other = vm.vcpu(1, Program::Once, &kvm_regs::default())?;
    run_to_end(&mut other)?;
    let mode = Mode::Long { ring: 0 };
    let mut vcpu = vm.vcpu(0, Program::First { mode }, &kvm_regs::default())?;
    let answer = ask(&mut vcpu, leaf.eax(), CPUID)?;

    let rows = rows::own_vcpus()?;
    let find = |id| rows.iter().rfind(|row| row.id == id);
    let (other, own) = find(1).zip(find(0)).context("a vCPU has no counters")?;
    if rows::exits(own)? != BTreeMap::from([(CPUID, 1), (IO, 1)]) {
        return Ok(false);
    }
    let others = match leaf {
        Leaf::Total | Leaf::TotalTime => other.exits,
        Leaf::Reason | Leaf::ReasonTime => Tally::default(),
    };
    // The open exit has no time yet.
    let right = leaf.encode(others.plus(Tally {
        exits: 1,
        cycles: 0,
    }));
    ensure!(answer == right, "CPUID said {answer:x?}, not {right:x?}");
    Ok(true)
}

/// Checks a vCPU that KVM emulates from the first instruction, because the processor cannot run its state. It
/// never exits, so no hook stamps an exit, as with a TDX guest. It must get no answer, rather than zeros. Needs
/// kvm_intel's `unrestricted_guest=0`.
pub fn emulated() -> Result<()> {
    let vm = Vm::new()?;
    let mode = Mode::Real;
    let mut vcpu = vm.vcpu(0, Program::First { mode }, &kvm_regs::default())?;
    set_real_mode(&vcpu, 0xffff_ffff)?;
    let start = vcpu.get_regs()?;
    let mut ask_again = |eax, ecx| -> Result<Answer> {
        vcpu.set_regs(&start)?;
        ask(&mut vcpu, eax, ecx)
    };

    let mut compared = 0;
    for ecx in [0, 1, 2, CPUID] {
        for leaf in Leaf::ALL {
            let answer = ask_again(leaf.eax(), ecx)?;
            // An unanswered leaf is out of range and reads as the highest basic leaf.
            let highest = ask_again(0, 0)?.eax;
            let right = ask_again(highest, ecx)?;
            ensure!(
                answer == right,
                "CPUID {:#x} {ecx} said {answer:x?}, not {right:x?} as leaf {highest:#x}",
                leaf.eax()
            );
            let zeros = leaf.encode(Tally::default());
            compared += u32::from(right != zeros);
        }
    }
    ensure!(compared > 0, "no answer would differ from zeros");
    let rows = rows::own_vcpus()?;
    ensure!(rows.is_empty(), "the vCPU did exit: {rows:?}");
    println!("no answer to a vCPU without exits: {compared} that zeros would differ from");
    Ok(())
}

/// Runs a query in a vCPU with [`Program::First`].
pub fn ask(vcpu: &mut VcpuFd, eax: u32, ecx: u32) -> Result<Answer> {
    let registers = vcpu.get_regs()?;
    vcpu.set_regs(&kvm_regs {
        rax: eax.into(),
        rcx: ecx.into(),
        rbx: u64::MAX,
        rdx: u64::MAX,
        ..registers
    })?;
    run_to_end(vcpu)?;
    let r = vcpu.get_regs()?;
    match [r.rax, r.rbx, r.rcx, r.rdx].map(u32::try_from) {
        [Ok(eax), Ok(ebx), Ok(ecx), Ok(edx)] => Ok(Answer { eax, ebx, ecx, edx }),
        _ => bail!("bits 63:32 are not 0: {r:x?}"),
    }
}
