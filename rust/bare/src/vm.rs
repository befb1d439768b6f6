// SPDX-License-Identifier: GPL-2.0

//! A small virtual machine: memory with the programs, and vCPUs that each start in one of them.

use crate::{
    guest::{self, Mode, Program},
    memory::Memory,
};
use anyhow::{Context, Result};
use kvm_bindings::{
    kvm_mp_state, kvm_pit_config, kvm_regs, kvm_segment, CpuId, KVM_MAX_CPUID_ENTRIES,
    KVM_MP_STATE_RUNNABLE,
};
use kvm_ioctls::{Kvm, VcpuFd, VmFd};

// Guest-physical addresses, mapped one to one. Everything that 16-bit code uses is below 64 KiB.
const CODE: u64 = 0x1000;
const GDT: u64 = 0x3000;
const STACK_TOP: u64 = 0x4000;
/// Questions of a program: 8 bytes each.
pub const QUESTIONS: u64 = 0x4000;
/// Readings of a program.
pub const READINGS: u64 = 0x6000;
/// Answers to the questions: 32 bytes each.
pub const ANSWERS: u64 = 0x8000;
/// Maximum number of questions and answers.
pub const BATCH: usize = 1024;
const PML4: u64 = 0x18_0000;
const PDPT: u64 = 0x18_1000;
const PD: u64 = 0x18_2000;
const IDT: u64 = 0x18_3000;
const MEMORY: usize = 2 << 20;

const CODE_SEGMENT: u16 = 0x8;
const DATA_SEGMENT: u16 = 0x10;

/// A virtual machine, initially without vCPUs.
pub struct Vm {
    kvm: Kvm,
    pub fd: VmFd,
    pub memory: Memory,
}

impl Vm {
    /// Creates a VM with an interrupt controller and 2 MiB of memory that contains all programs.
    pub fn new() -> Result<Self> {
        let kvm = Kvm::new().context("/dev/kvm")?;
        let fd = kvm.create_vm().context("KVM_CREATE_VM")?;
        fd.set_tss_address(0xfffb_d000)?;
        fd.create_irq_chip()?;
        fd.create_pit2(kvm_pit_config::default())?;
        let mut memory = Memory::new(MEMORY)?;
        memory.add_to(&fd, 0, 0)?;
        prepare(&mut memory);
        Ok(Self { kvm, fd, memory })
    }

    /// Returns the CPUID entries that KVM supports on this host.
    pub fn supported_cpuid(&self) -> Result<CpuId> {
        Ok(self.kvm.get_supported_cpuid(KVM_MAX_CPUID_ENTRIES)?)
    }

    /// Creates a vCPU that starts in `program` with its `registers`.
    pub fn vcpu(&self, id: u64, program: Program, registers: &kvm_regs) -> Result<VcpuFd> {
        self.vcpu_with(id, program, registers, &self.supported_cpuid()?)
    }

    /// Like [`Self::vcpu`], with these CPUID entries.
    pub fn vcpu_with(
        &self,
        id: u64,
        program: Program,
        registers: &kvm_regs,
        cpuid: &CpuId,
    ) -> Result<VcpuFd> {
        let vcpu = self.fd.create_vcpu(id).context("KVM_CREATE_VCPU")?;
        vcpu.set_cpuid2(cpuid).context("KVM_SET_CPUID2")?;
        set_mode(&vcpu, program.mode())?;
        vcpu.set_regs(&kvm_regs {
            rip: CODE + program.entry(),
            rsp: STACK_TOP,
            // Interrupts are disabled; all rings may do I/O.
            rflags: 0x3002,
            ..*registers
        })
        .context("KVM_SET_REGS")?;
        // Otherwise all vCPUs but the first would wait for it to start them.
        vcpu.set_mp_state(kvm_mp_state {
            mp_state: KVM_MP_STATE_RUNNABLE,
        })?;
        Ok(vcpu)
    }
}

/// Writes page tables, descriptors and the programs.
fn prepare(memory: &mut Memory) {
    const PRESENT_WRITABLE_USER: u64 = 7;
    const LARGE: u64 = 1 << 7;
    assert!(guest::code().len() as u64 <= GDT - CODE);
    memory.write(CODE, guest::code());
    memory.write(PML4, &(PDPT | PRESENT_WRITABLE_USER).to_le_bytes());
    memory.write(PDPT, &(PD | PRESENT_WRITABLE_USER).to_le_bytes());
    for i in 0..512 {
        memory.write(
            PD + 8 * i,
            &((i << 21) | LARGE | PRESENT_WRITABLE_USER).to_le_bytes(),
        );
    }
    // Flat ring 0 segments: 64-bit code for the interrupt gate, and data for returning from the interrupt.
    for (selector, descriptor) in [
        (CODE_SEGMENT, 0x00af_9b00_0000_ffff_u64),
        (DATA_SEGMENT, 0x00cf_9300_0000_ffff),
    ] {
        memory.write(GDT + u64::from(selector), &descriptor.to_le_bytes());
    }
    let handler = CODE + guest::interrupt_entry();
    let gate = (handler & 0xffff)
        | (u64::from(CODE_SEGMENT) << 16)
        | (0x8e << 40)
        | (((handler >> 16) & 0xffff) << 48);
    memory.write(IDT + 16 * u64::from(guest::VECTOR), &gate.to_le_bytes());
}

fn set_mode(vcpu: &VcpuFd, mode: Mode) -> Result<()> {
    let (long, ring) = match mode {
        Mode::Long { ring } => (true, ring),
        Mode::Protected { ring } => (false, ring),
        Mode::Real => return set_real_mode(vcpu, 0xffff),
    };
    let mut sregs = vcpu.get_sregs()?;
    let code = kvm_segment {
        limit: 0xffff_ffff,
        selector: CODE_SEGMENT | u16::from(ring),
        type_: 11,
        present: 1,
        s: 1,
        dpl: ring,
        l: long.into(),
        db: (!long).into(),
        g: 1,
        ..Default::default()
    };
    let data = kvm_segment {
        selector: DATA_SEGMENT | u16::from(ring),
        type_: 3,
        l: 0,
        db: 1,
        ..code
    };
    sregs.cs = code;
    (sregs.ds, sregs.es, sregs.fs, sregs.gs, sregs.ss) = (data, data, data, data, data);
    sregs.gdt.base = GDT;
    sregs.gdt.limit = 23;
    sregs.idt.base = IDT;
    sregs.idt.limit = 0xfff;
    sregs.cr0 = 0x11; // PE, ET
    if long {
        sregs.cr3 = PML4;
        sregs.cr4 = 1 << 5; // PAE
        sregs.cr0 |= 1 << 31; // PG
        sregs.efer = (1 << 10) | (1 << 8); // LMA, LME
    }
    sregs.apic_base |= (1 << 11) | (1 << 10); // enabled, x2APIC
    vcpu.set_sregs(&sregs).context("KVM_SET_SREGS")
}

/// Sets real mode. If a data segment is larger than 64 KiB, a KVM without "unrestricted guest" cannot run it
/// and emulates each instruction.
pub fn set_real_mode(vcpu: &VcpuFd, data_limit: u32) -> Result<()> {
    let mut sregs = vcpu.get_sregs()?;
    let segment = kvm_segment {
        limit: 0xffff,
        type_: 3,
        present: 1,
        s: 1,
        ..Default::default()
    };
    sregs.cs = kvm_segment {
        type_: 11,
        ..segment
    };
    (sregs.es, sregs.fs, sregs.gs, sregs.ss) = (segment, segment, segment, segment);
    sregs.ds = kvm_segment {
        limit: data_limit,
        g: (data_limit > 0xffff).into(),
        ..segment
    };
    sregs.cr0 = 0x10; // ET
    vcpu.set_sregs(&sregs).context("KVM_SET_SREGS")
}
