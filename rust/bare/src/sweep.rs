// SPDX-License-Identifier: GPL-2.0

//! A guest that queries the leaves exhaustively from any ring and mode, and a rule for the answers.

use crate::{
    guest::{self, Mode, Program},
    vm::{set_real_mode, Vm, ANSWERS, BATCH, QUESTIONS},
};
use anyhow::{bail, ensure, Context, Result};
use exitstat_core::{
    leaf::{Answer, Leaf, Subject, UNDEFINED},
    tally::Tally,
};
use kvm_bindings::{kvm_cpuid_entry2, kvm_regs, CpuId, KVM_CPUID_FLAG_SIGNIFCANT_INDEX};
use kvm_ioctls::{VcpuExit, VcpuFd};
use std::collections::BTreeMap;

/// How KVM comes to execute CPUID for the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum By {
    /// The processor exits for it.
    Exit,
    /// After KVM's forced-emulation prefix: an exit for an invalid opcode is open.
    Prefix,
    /// KVM emulates all instructions, as the processor cannot run the guest's state: no exit is
    /// open. Needs kvm_intel's `unrestricted_guest=0`.
    State,
}

/// Parameters of a sweep.
pub struct Sweep {
    pub mode: Mode,
    pub by: By,
    /// Whether the VMM has its own entries for some of the leaves.
    pub vmm_entries: bool,
    /// Whether to query every class of %ecx completely, or a sample of each.
    pub full: bool,
}

const SPARE: u64 = 0x5a5a_5a5a;

impl Sweep {
    /// Queries everything, and returns the number of answers. All of them follow the rule.
    pub fn run(&self) -> Result<u64> {
        ensure!(
            self.by != By::State || self.mode == Mode::Real,
            "only a state of real mode is emulated"
        );
        let mut vm = Vm::new()?;
        let mut cpuid = vm.supported_cpuid()?;
        let mut rule = Rule::new(self);
        if self.vmm_entries {
            rule.entries = add_entries(&mut cpuid)?;
        }
        let registers = kvm_regs {
            rsi: QUESTIONS,
            rdi: ANSWERS,
            ..SPARE_REGISTERS
        };
        let program = Program::Ask {
            mode: self.mode,
            prefix: self.by == By::Prefix,
        };
        let mut vcpu = vm.vcpu_with(0, program, &registers, &cpuid)?;

        let mut asked = 0;
        let questions = questions(self.full);
        for (i, batch) in questions.chunks(BATCH).enumerate() {
            // The processor runs the first batch, so that the vCPU has an exit.
            if i == 1 && self.by == By::State {
                set_real_mode(&vcpu, 0xffff_ffff)?;
                rule.counted = None;
            }
            for (at, &(eax, ecx)) in (QUESTIONS..).step_by(8).zip(batch) {
                vm.memory.write(at, &eax.to_le_bytes());
                vm.memory.write(at + 4, &ecx.to_le_bytes());
            }
            vm.memory.write(ANSWERS, &[0; 32 * BATCH]);
            self.ask(&mut vcpu, batch.len())?;
            for (at, &(eax, ecx)) in (ANSWERS..).step_by(32).zip(batch) {
                let register = |i: u64| u64::from_le_bytes(vm.memory.read(at + 8 * i));
                let registers = [register(0), register(1), register(2), register(3)];
                rule.check(eax, ecx, registers).with_context(|| {
                    format!("CPUID {eax:#x} {ecx:#x} said {registers:x?}, question {asked}")
                })?;
                asked += 1;
            }
            rule.finished_by_user();
        }
        ensure!(
            self.by != By::State || asked > BATCH as u64,
            "too few questions"
        );
        Ok(asked)
    }

    /// Makes the guest ask `count` questions.
    fn ask(&self, vcpu: &mut VcpuFd, count: usize) -> Result<()> {
        let mut registers = vcpu.get_regs()?;
        registers.rsi = QUESTIONS;
        registers.rdi = ANSWERS;
        registers.rbp = count as u64;
        vcpu.set_regs(&registers)?;
        match vcpu.run().context("KVM_RUN")? {
            VcpuExit::IoOut(guest::DONE, _) => {}
            exit => bail!("the guest did something unexpected: {exit:?}"),
        }
        let after = vcpu.get_regs()?;
        let spare = |r: &kvm_regs| [r.r8, r.r9, r.r10, r.r11, r.r12, r.r13, r.r14, r.r15, r.rsp];
        // 16-bit code has 16-bit pointers.
        let mask = if self.mode == Mode::Real {
            0xffff
        } else {
            u64::MAX
        };
        ensure!(
            spare(&after) == spare(&registers)
                && after.rsi == (QUESTIONS + 8 * count as u64) & mask
                && after.rdi == (ANSWERS + 32 * count as u64) & mask,
            "CPUID changed other registers: {after:x?}"
        );
        Ok(())
    }
}

/// Values of the registers that the program does not use. They must not change.
const SPARE_REGISTERS: kvm_regs = kvm_regs {
    rax: 0,
    rbx: 0,
    rcx: 0,
    rdx: 0,
    rsi: 0,
    rdi: 0,
    rsp: 0,
    rbp: 0,
    r8: SPARE,
    r9: SPARE + 1,
    r10: SPARE + 2,
    r11: SPARE + 3,
    r12: SPARE + 4,
    r13: SPARE + 5,
    r14: SPARE + 6,
    r15: SPARE + 7,
    rip: 0,
    rflags: 0,
};

/// Returns all questions: leaf and %ecx.
fn questions(full: bool) -> Vec<(u32, u32)> {
    let (all, random) = if full { (65536, 100_000) } else { (100, 200) };
    let mut ecx: Vec<u32> = (0..=all).collect();
    for bit in 0..32 {
        let power = 1u32 << bit;
        ecx.extend([power - 1, power, power + 1]);
    }
    ecx.extend([u32::MAX - 1, u32::MAX]);
    // xorshift with a fixed seed, so that failures are reproducible.
    let mut x = 0x4fff_fffd_u32;
    ecx.extend((0..random).map(|_| {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        x
    }));
    let leaves = Leaf::ALL.map(Leaf::eax);
    ecx.iter()
        .flat_map(|&ecx| leaves.map(|eax| (eax, ecx)))
        .collect()
}

/// Adds the VMM's entries: for leaf D only with CPUID's reason, for leaf E with any %ecx.
fn add_entries(cpuid: &mut CpuId) -> Result<Vec<kvm_cpuid_entry2>> {
    let entry = |leaf: Leaf, index, flags| kvm_cpuid_entry2 {
        function: leaf.eax(),
        index,
        flags,
        eax: 0x1111_1111,
        ebx: 0x2222_2222,
        ecx: 0x3333_3333,
        edx: 0x4444_4444,
        ..Default::default()
    };
    let entries = vec![
        entry(Leaf::Reason, 10, KVM_CPUID_FLAG_SIGNIFCANT_INDEX),
        entry(Leaf::TotalTime, 0, 0),
    ];
    for &entry in &entries {
        cpuid
            .push(entry)
            .ok()
            .context("no room for CPUID entries")?;
    }
    Ok(entries)
}

/// Expected answers of a VM with one vCPU, which only asks.
struct Rule {
    /// Reason under which a CPUID is counted; `None` if it does not exit.
    counted: Option<u32>,
    entries: Vec<kvm_cpuid_entry2>,
    /// Reasons whose exits are known exactly. Those neither here nor in `noisy` have none.
    exact: BTreeMap<u32, u64>,
    /// Reasons whose exits can occur at any time.
    noisy: &'static [u32],
    /// Latest answers for each reason, and for the total.
    seen: BTreeMap<u32, Tally>,
    total: Tally,
}

/// Interrupts, timers, and first accesses to memory.
const NOISY: [u32; 4] = [1, 48, 49, 52];
/// Without "unrestricted guest", real mode runs in virtual-8086 mode, where KVM intercepts all exceptions,
/// including page faults of the identity map.
const NOISY_REAL: [u32; 7] = [0, 1, 7, 28, 48, 49, 52];

impl Rule {
    fn new(sweep: &Sweep) -> Self {
        Self {
            counted: Some(if sweep.by == By::Prefix { 0 } else { 10 }),
            entries: Vec::new(),
            exact: BTreeMap::from([(10, 0), (30, 0)]),
            noisy: if sweep.by == By::State {
                &NOISY_REAL
            } else {
                &NOISY
            },
            seen: BTreeMap::new(),
            total: Tally::default(),
        }
    }

    /// Counts the port I/O with which the guest ends: an exit if the processor ran it.
    fn finished_by_user(&mut self) {
        if self.counted.is_some() {
            *self.exact.entry(30).or_default() += 1;
        }
    }

    fn check(&mut self, eax: u32, ecx: u32, registers: [u64; 4]) -> Result<()> {
        if let Some(reason) = self.counted {
            *self.exact.entry(reason).or_default() += 1;
        }
        let [a, b, c, d] = registers.map(u32::try_from);
        let (Ok(a), Ok(b), Ok(c), Ok(d)) = (a, b, c, d) else {
            bail!("bits 63:32 are not 0");
        };
        let answer = Answer {
            eax: a,
            ebx: b,
            ecx: c,
            edx: d,
        };

        let entry = self.entries.iter().find(|e| {
            e.function == eax && (e.flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX == 0 || e.index == ecx)
        });
        if let Some(e) = entry {
            ensure!(
                [a, b, c, d] == [e.eax, e.ebx, e.ecx, e.edx],
                "the VMM's own entry does not win"
            );
            return Ok(());
        }
        let leaf = Leaf::from_eax(eax).context("not a leaf")?;
        if leaf.subject(ecx) == Subject::Undefined {
            ensure!(answer == UNDEFINED, "the reason is not defined");
            return Ok(());
        }
        let tally = answer.decode().context("called undefined")?;
        let time_only = matches!(leaf, Leaf::ReasonTime | Leaf::TotalTime);
        ensure!(!time_only || (a, d) == (0, 0), "exits where only time goes");
        match leaf.subject(ecx) {
            Subject::Reason(reason) => self.check_reason(reason, tally, time_only),
            _ => self.check_total(tally, time_only),
        }
    }

    fn check_reason(&mut self, reason: u32, tally: Tally, time_only: bool) -> Result<()> {
        let before = self.seen.entry(reason).or_default();
        ensure!(tally.cycles >= before.cycles, "time ran backwards");
        before.cycles = tally.cycles;
        let exact = match self.exact.get(&reason) {
            Some(&exits) => Some(exits),
            None if self.noisy.contains(&reason) => None,
            None => Some(0),
        };
        if !time_only {
            ensure!(tally.exits >= before.exits, "exits were lost");
            before.exits = tally.exits;
            if let Some(exits) = exact {
                ensure!(tally.exits == exits, "not {exits} exits");
            }
        }
        // The open exit has no time yet.
        if let Some(exits) = exact {
            let over = exits - u64::from(self.counted == Some(reason));
            ensure!((tally.cycles > 0) == (over > 0), "time of {over} exits");
        }
        Ok(())
    }

    fn check_total(&mut self, tally: Tally, time_only: bool) -> Result<()> {
        ensure!(tally.cycles >= self.total.cycles, "time ran backwards");
        self.total.cycles = tally.cycles;
        if !time_only {
            let more = u64::from(self.counted.is_some());
            let parts = self.exact.values().sum::<u64>();
            ensure!(
                tally.exits >= self.total.exits + more && tally.exits >= parts,
                "the total does not grow by what was asked"
            );
            self.total.exits = tally.exits;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> Rule {
        Rule::new(&Sweep {
            mode: Mode::Long { ring: 0 },
            by: By::Exit,
            vmm_entries: false,
            full: false,
        })
    }

    const D: u32 = 0x4fff_fffd;

    #[test]
    fn right_answers_are_taken() {
        let mut rule = rule();
        rule.check(D, 10, [1, 0, 0, 0]).unwrap();
        rule.check(D, 10, [2, 0, 9, 0]).unwrap();
        rule.check(D, 35, [0, 0, 0, 0xffff_ffff]).unwrap();
        rule.check(D, 2, [0; 4]).unwrap();
        rule.check(0x4fff_fffc, 10, [0, 0, 12, 0]).unwrap();
        rule.check(0x4fff_ffff, 7, [6, 0, 20, 0]).unwrap();
    }

    #[test]
    fn wrong_answers_are_refused() {
        // One exit too few or too many; a reason that was not taken; time without exits.
        rule().check(D, 10, [0, 0, 0, 0]).unwrap_err();
        rule().check(D, 10, [2, 0, 0, 0]).unwrap_err();
        rule().check(D, 2, [1, 0, 5, 0]).unwrap_err();
        rule().check(D, 10, [1, 0, 5, 0]).unwrap_err();
        // An unmodified register, zeros for an undefined reason, and a time leaf with exits.
        rule().check(D, 10, [1, u64::MAX, 0, 0]).unwrap_err();
        rule().check(D, 35, [0; 4]).unwrap_err();
        rule().check(D, 86, [0xffff_ffff; 4]).unwrap_err();
        rule().check(0x4fff_fffc, 10, [1, 0, 0, 0]).unwrap_err();
        rule().check(0x4fff_ffff, 10, [0, 0, 0, 0]).unwrap_err();
    }

    #[test]
    fn all_classes_are_asked() {
        let questions = questions(true);
        assert!(questions.len() > 4 * 165_000);
        for ecx in [0, 65535, 65536, 1 << 31, u32::MAX] {
            assert!(questions.contains(&(D, ecx)));
        }
    }
}
