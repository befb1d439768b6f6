// SPDX-License-Identifier: GPL-2.0

//! A guest that takes a known number of exits and reads the leaves before and after.

use crate::{
    guest::{self, Program, SAMPLES, SAMPLES_KEPT},
    late::Late,
    memory::{Memory, PAGE},
    vm::{Vm, READINGS},
};
use anyhow::{bail, ensure, Context, Result};
use exitstat_core::leaf::Answer;
use kvm_bindings::kvm_regs;
use kvm_ioctls::{VcpuExit, VcpuFd, VmFd};
use std::ops::ControlFlow;

/// Address of the pages that [`Program::Touch`] touches.
pub const LATE: u64 = 4 << 20;
const LATE_PAGES: usize = 256;

/// Parameters of a guest.
pub struct Measure {
    pub program: Program,
    /// Number of exits to take.
    pub count: u64,
    /// Delay of pages, for [`Program::Touch`]. Without it the host has the pages, but the guest has not touched
    /// them.
    pub late: Option<Late>,
    /// Query for [`Program::Leaf`]: %eax and %ecx.
    pub question: (u32, u32),
    /// Number of vCPUs of the VM. The others take one exit each beforehand.
    pub vcpus: u64,
}

/// Readings of a program.
pub struct Readings {
    /// Leaf 0x4FFFFFFD for a reason that the SDM does not define.
    pub live: Answer,
    /// The leaf for the program's reason before the first exit.
    pub before: Answer,
    /// The same after the last exit.
    pub after: Answer,
    /// TSC cycles between the two, measured by the guest.
    pub guest_cycles: u64,
    /// Duration of each exit, measured by the guest, in no particular order. If there are too many, only the
    /// last ones.
    pub took: Vec<u64>,
}

/// A guest that is ready to run.
pub struct Guest {
    vm: Vm,
    vcpu: VcpuFd,
    start: kvm_regs,
    count: u64,
    /// Kept, so that their counters exist as long as the VM.
    _others: Vec<VcpuFd>,
}

impl Measure {
    /// Creates parameters for one vCPU that takes `count` exits, with all pages present.
    pub fn new(program: Program, count: u64) -> Self {
        Self {
            program,
            count,
            late: None,
            question: (0, 0),
            vcpus: 1,
        }
    }

    /// Runs the program until it ends.
    pub fn run(&self) -> Result<Readings> {
        self.prepare()?.run()
    }

    /// Creates the guest.
    pub fn prepare(&self) -> Result<Guest> {
        ensure!(self.count > 0, "a program takes at least one exit");
        ensure!(
            self.program != Program::Touch || self.count <= LATE_PAGES as u64,
            "there are {LATE_PAGES} pages to touch"
        );
        let vm = Vm::new()?;
        let pages = Memory::new(LATE_PAGES * PAGE)?;
        pages.add_to(&vm.fd, 1, LATE)?;
        match &self.late {
            Some(late) => pages.fill_late(late.clone())?,
            None => pages.populate(),
        }

        let mut others = Vec::new();
        for id in 1..self.vcpus {
            let mut other = vm.vcpu(id, Program::Once, &kvm_regs::default())?;
            run_to_end(&mut other)?;
            others.push(other);
        }
        let registers = kvm_regs {
            rdi: self.count,
            rsi: LATE,
            r12: self.program.reason(),
            r13: READINGS,
            r14: self.question.0.into(),
            r15: self.question.1.into(),
            ..Default::default()
        };
        let vcpu = vm.vcpu(0, self.program, &registers)?;
        Ok(Guest {
            start: vcpu.get_regs()?,
            count: self.count,
            vcpu,
            vm,
            _others: others,
        })
    }
}

impl Guest {
    /// Returns the VM.
    pub fn vm(&self) -> &VmFd {
        &self.vm.fd
    }

    /// Returns the vCPU that runs the program.
    pub fn vcpu(&mut self) -> &mut VcpuFd {
        &mut self.vcpu
    }

    /// Restarts the program.
    pub fn start_again(&self) -> Result<()> {
        self.vcpu.set_regs(&self.start).context("KVM_SET_REGS")
    }

    /// Runs the program until it ends.
    pub fn run(&mut self) -> Result<Readings> {
        self.run_with(|_| Ok(()))
    }

    /// Like [`Self::run`], and calls a function after each write of the program to [`guest::QUIET`].
    pub fn run_with(
        &mut self,
        mut quiet: impl FnMut(&mut VcpuFd) -> Result<()>,
    ) -> Result<Readings> {
        run_to_end_with(&mut self.vcpu, |vcpu| {
            quiet(vcpu).map(ControlFlow::Continue)
        })?;
        let word = |i: u64| u32::from_le_bytes(self.vm.memory.read(READINGS + 4 * i));
        let answer = |i: u64| Answer {
            eax: word(i),
            ebx: word(i + 1),
            ecx: word(i + 2),
            edx: word(i + 3),
        };
        let long = |at| u64::from_le_bytes(self.vm.memory.read(at));
        let kept = self.count.min(SAMPLES_KEPT as u64);
        let took = (0..kept).map(|i| long(SAMPLES + 8 * i)).collect();
        Ok(Readings {
            live: answer(0),
            before: answer(4),
            guest_cycles: long(READINGS + 40).wrapping_sub(long(READINGS + 32)),
            after: answer(12),
            took,
        })
    }
}

/// Runs a vCPU until its program writes to [`guest::DONE`].
pub fn run_to_end(vcpu: &mut VcpuFd) -> Result<()> {
    run_to_end_with(vcpu, |_| Ok(ControlFlow::Continue(())))
}

/// Like [`run_to_end`], and calls a function after each write of the program to [`guest::QUIET`], which may end
/// the run.
pub fn run_to_end_with(
    vcpu: &mut VcpuFd,
    mut quiet: impl FnMut(&mut VcpuFd) -> Result<ControlFlow<()>>,
) -> Result<()> {
    loop {
        match run_to_stop(vcpu)? {
            Stop::Done => return Ok(()),
            Stop::Quiet if quiet(vcpu)?.is_break() => return Ok(()),
            Stop::Quiet => {}
            Stop::MemoryFault { gpa } => bail!("KVM cannot map {gpa:#x}"),
        }
    }
}

/// Reason for which a vCPU returned to the VMM.
pub enum Stop {
    /// The program wrote to [`guest::DONE`].
    Done,
    /// The program wrote to [`guest::QUIET`].
    Quiet,
    /// KVM requires the VMM to provide this address.
    MemoryFault { gpa: u64 },
}

/// Runs a vCPU until the VMM has to act. Fails if the guest detected an error.
pub fn run_to_stop(vcpu: &mut VcpuFd) -> Result<Stop> {
    loop {
        match vcpu.run() {
            Ok(VcpuExit::IoOut(guest::DONE, _)) => return Ok(Stop::Done),
            Ok(VcpuExit::IoOut(guest::QUIET, _)) => return Ok(Stop::Quiet),
            Ok(VcpuExit::MemoryFault { gpa, .. }) => return Ok(Stop::MemoryFault { gpa }),
            Ok(VcpuExit::IoOut(guest::WRONG, _)) => bail!("the guest saw something wrong"),
            Ok(exit) => bail!("the guest did something unexpected: {exit:?}"),
            Err(error) if error.errno() == 4 || error.errno() == 11 => {}
            Err(error) => return Err(error).context("KVM_RUN"),
        }
    }
}

/// Makes KVM complete the exit that userspace finished, without running the guest.
pub fn complete(vcpu: &mut VcpuFd) -> Result<()> {
    vcpu.set_kvm_immediate_exit(1);
    let result = vcpu.run().map(|exit| format!("{exit:?}"));
    vcpu.set_kvm_immediate_exit(0);
    match result {
        Err(error) if error.errno() == 4 => Ok(()),
        other => bail!("KVM_RUN was to come back at once: {other:?}"),
    }
}
