// SPDX-License-Identifier: GPL-2.0

//! The virtual machine: one vCPU in 64-bit mode, 2 MiB of memory, and pages that come late.

use crate::guest::{self, Program};
use anyhow::{bail, ensure, Context, Result};
use exitstat_core::leaf::Answer;
use kvm_bindings::{
    kvm_pit_config, kvm_segment, kvm_userspace_memory_region, KVM_MAX_CPUID_ENTRIES,
};
use kvm_ioctls::{Kvm, VcpuExit, VcpuFd, VmFd};
use rustix::mm::{mmap_anonymous, userfaultfd, MapFlags, ProtFlags, UserfaultfdFlags};
use std::{
    fs::File,
    io::Read,
    os::fd::{AsRawFd, OwnedFd},
    time::Duration,
};
use vmm_sys_util::{ioctl::ioctl_with_mut_ref, ioctl_iowr_nr};

// Guest-physical addresses, which paging maps to themselves.
const CODE: u64 = 0x1000;
const GDT: u64 = 0x3000;
const PML4: u64 = 0x4000;
const PDPT: u64 = 0x5000;
const PD: u64 = 0x6000;
const IDT: u64 = 0x7000;
const STACK_TOP: u64 = 0x9000;
const READINGS: u64 = 0x9000;
const MEMORY: usize = 2 << 20;
const LATE: u64 = 4 << 20;
const PAGE: usize = 4096;
const LATE_PAGES: usize = 256;

const CODE_SEGMENT: u16 = 8;

/// What a program read.
pub struct Readings {
    /// Leaf 0x4FFFFFFD about a reason that the SDM does not define.
    pub live: Answer,
    /// The leaf about the program's reason before the first exit.
    pub before: Answer,
    /// And after the last.
    pub after: Answer,
    /// TSC cycles between the two, as the guest measures them.
    pub guest_cycles: u64,
    /// The least that one exit took, as the guest measures it.
    pub least: u64,
}

/// Runs a program to its end. `delay` is how late pages come.
pub fn run(program: Program, count: u64, delay: Duration) -> Result<Readings> {
    ensure!(count > 0, "a program takes at least one exit");
    ensure!(
        program != Program::Touch || count <= LATE_PAGES as u64,
        "there are {LATE_PAGES} pages to touch"
    );
    let kvm = Kvm::new().context("/dev/kvm")?;
    let vm = kvm.create_vm()?;
    vm.set_tss_address(0xfffb_d000)?;
    vm.create_irq_chip()?;
    vm.create_pit2(kvm_pit_config::default())?;

    let mut memory = Memory::new(MEMORY)?;
    memory.add_to(&vm, 0, 0)?;
    prepare(&mut memory);
    let late = Memory::new(LATE_PAGES * PAGE)?;
    late.add_to(&vm, 1, LATE)?;
    if program == Program::Touch {
        late.fill_late(delay)?;
    }

    let mut vcpu = vm.create_vcpu(0)?;
    vcpu.set_cpuid2(&kvm.get_supported_cpuid(KVM_MAX_CPUID_ENTRIES)?)?;
    set_registers(&vcpu, program, count)?;
    loop {
        match vcpu.run() {
            Ok(VcpuExit::IoOut(port, _)) if port == guest::DONE => break,
            Ok(VcpuExit::IoOut(port, _)) if port == guest::QUIET => {}
            Ok(exit) => bail!("the guest did something unexpected: {exit:?}"),
            Err(error) if error.errno() == 4 || error.errno() == 11 => {}
            Err(error) => return Err(error).context("KVM_RUN"),
        }
    }

    let word = |i: usize| {
        let at = READINGS as usize + 4 * i;
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&memory.bytes()[at..at + 4]);
        u32::from_le_bytes(bytes)
    };
    let answer = |i: usize| Answer {
        eax: word(i),
        ebx: word(i + 1),
        ecx: word(i + 2),
        edx: word(i + 3),
    };
    let long = |i: usize| u64::from(word(i)) | (u64::from(word(i + 1)) << 32);
    Ok(Readings {
        live: answer(0),
        before: answer(4),
        guest_cycles: long(10).wrapping_sub(long(8)),
        least: long(12),
        after: answer(14),
    })
}

/// Page tables, descriptors and the programs.
fn prepare(memory: &mut Memory) {
    const PRESENT_WRITABLE: u64 = 3;
    const LARGE: u64 = 1 << 7;
    memory.write(CODE, guest::code());
    memory.write(PML4, &(PDPT | PRESENT_WRITABLE).to_le_bytes());
    memory.write(PDPT, &(PD | PRESENT_WRITABLE).to_le_bytes());
    for i in 0..512 {
        memory.write(
            PD + 8 * i,
            &((i << 21) | LARGE | PRESENT_WRITABLE).to_le_bytes(),
        );
    }
    // A flat 64-bit code segment, for the interrupt gate to refer to.
    memory.write(
        GDT + u64::from(CODE_SEGMENT),
        &0x00af_9b00_0000_ffff_u64.to_le_bytes(),
    );
    let handler = CODE + guest::interrupt_entry();
    let gate = (handler & 0xffff)
        | (u64::from(CODE_SEGMENT) << 16)
        | (0x8e << 40)
        | (((handler >> 16) & 0xffff) << 48);
    memory.write(IDT + 16 * u64::from(guest::VECTOR), &gate.to_le_bytes());
}

fn set_registers(vcpu: &VcpuFd, program: Program, count: u64) -> Result<()> {
    let mut sregs = vcpu.get_sregs()?;
    let code = kvm_segment {
        limit: 0xffff_ffff,
        selector: CODE_SEGMENT,
        type_: 11,
        present: 1,
        s: 1,
        l: 1,
        g: 1,
        ..Default::default()
    };
    let data = kvm_segment {
        selector: 0,
        type_: 3,
        l: 0,
        db: 1,
        ..code
    };
    sregs.cs = code;
    (sregs.ds, sregs.es, sregs.fs, sregs.gs, sregs.ss) = (data, data, data, data, data);
    sregs.gdt.base = GDT;
    sregs.gdt.limit = 15;
    sregs.idt.base = IDT;
    sregs.idt.limit = 0xfff;
    sregs.cr3 = PML4;
    sregs.cr4 = 1 << 5; // PAE
    sregs.cr0 = (1 << 31) | 1; // PG, PE
    sregs.efer = (1 << 10) | (1 << 8); // LMA, LME
    sregs.apic_base |= (1 << 11) | (1 << 10); // enabled, x2APIC
    vcpu.set_sregs(&sregs).context("KVM_SET_SREGS")?;

    let mut regs = vcpu.get_regs()?;
    regs.rip = CODE + program.entry();
    regs.rsp = STACK_TOP;
    regs.rflags = 2; // interrupts are off
    regs.rdi = count;
    regs.rsi = LATE;
    regs.r12 = program.reason();
    regs.r13 = READINGS;
    vcpu.set_regs(&regs).context("KVM_SET_REGS")
}

/// Memory of the guest's.
struct Memory {
    start: *mut u8,
    length: usize,
}

impl Memory {
    fn new(length: usize) -> Result<Self> {
        let (prot, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        let anywhere = std::ptr::null_mut();
        // SAFETY: The kernel chooses an address that is free. It stays mapped until the end of
        // the process.
        let start = unsafe { mmap_anonymous(anywhere, length, prot, flags) }?;
        Ok(Self {
            start: start.cast(),
            length,
        })
    }

    fn add_to(&self, vm: &VmFd, slot: u32, guest_phys_addr: u64) -> Result<()> {
        let region = kvm_userspace_memory_region {
            slot,
            flags: 0,
            guest_phys_addr,
            memory_size: self.length as u64,
            userspace_addr: self.start as u64,
        };
        // SAFETY: The memory is the guest's alone while the vCPU runs, and stays mapped.
        unsafe { vm.set_user_memory_region(region) }.context("KVM_SET_USER_MEMORY_REGION")
    }

    /// The memory; only while the vCPU does not run.
    fn bytes(&self) -> &[u8] {
        // SAFETY: Mapped, and written by no one but the vCPU and `write()`.
        unsafe { std::slice::from_raw_parts(self.start, self.length) }
    }

    fn write(&mut self, at: u64, bytes: &[u8]) {
        // SAFETY: Mapped, and `&mut self`.
        let memory = unsafe { std::slice::from_raw_parts_mut(self.start, self.length) };
        memory[at as usize..][..bytes.len()].copy_from_slice(bytes);
    }

    /// From now on, pages that are touched for the first time come after `delay`.
    fn fill_late(&self, delay: Duration) -> Result<()> {
        let uffd = late::open()?;
        late::register(&uffd, self.start as u64, self.length as u64)?;
        std::thread::spawn(move || {
            if let Err(error) = late::serve(uffd, delay) {
                eprintln!("bare: userfaultfd: {error:#}");
                std::process::exit(1);
            }
        });
        Ok(())
    }
}

/// userfaultfd, as in linux/userfaultfd.h.
mod late {
    use super::*;

    const API: u64 = 0xaa;
    const MODE_MISSING: u64 = 1;
    const EVENT_PAGEFAULT: u8 = 0x12;

    #[repr(C)]
    #[derive(Default)]
    struct UffdioApi {
        api: u64,
        features: u64,
        ioctls: u64,
    }

    #[repr(C)]
    #[derive(Default)]
    struct UffdioRegister {
        start: u64,
        length: u64,
        mode: u64,
        ioctls: u64,
    }

    #[repr(C)]
    #[derive(Default)]
    struct UffdioZeropage {
        start: u64,
        length: u64,
        mode: u64,
        zeropage: i64,
    }

    ioctl_iowr_nr!(UFFDIO_API, 0xaa, 0x3f, UffdioApi);
    ioctl_iowr_nr!(UFFDIO_REGISTER, 0xaa, 0x00, UffdioRegister);
    ioctl_iowr_nr!(UFFDIO_ZEROPAGE, 0xaa, 0x04, UffdioZeropage);

    fn call<T>(uffd: &impl AsRawFd, request: u64, argument: &mut T) -> Result<()> {
        // SAFETY: Each request below comes with the structure that it is defined for.
        let result = unsafe { ioctl_with_mut_ref(uffd, request, argument) };
        ensure!(result == 0, std::io::Error::last_os_error());
        Ok(())
    }

    pub fn open() -> Result<OwnedFd> {
        // SAFETY: It makes a file descriptor, and changes nothing.
        let uffd = unsafe { userfaultfd(UserfaultfdFlags::CLOEXEC) }.context("userfaultfd")?;
        let mut api = UffdioApi {
            api: API,
            ..Default::default()
        };
        call(&uffd, UFFDIO_API(), &mut api).context("UFFDIO_API")?;
        Ok(uffd)
    }

    pub fn register(uffd: &OwnedFd, start: u64, length: u64) -> Result<()> {
        let mut register = UffdioRegister {
            start,
            length,
            mode: MODE_MISSING,
            ioctls: 0,
        };
        call(uffd, UFFDIO_REGISTER(), &mut register).context("UFFDIO_REGISTER")
    }

    pub fn serve(uffd: OwnedFd, delay: Duration) -> Result<()> {
        let mut events = File::from(uffd);
        loop {
            let mut event = [0; 32];
            events.read_exact(&mut event)?;
            if event[0] != EVENT_PAGEFAULT {
                continue;
            }
            let mut address = [0; 8];
            address.copy_from_slice(&event[16..24]);
            std::thread::sleep(delay);
            let mut page = UffdioZeropage {
                start: u64::from_le_bytes(address) & !(PAGE as u64 - 1),
                length: PAGE as u64,
                ..Default::default()
            };
            call(&events, UFFDIO_ZEROPAGE(), &mut page).context("UFFDIO_ZEROPAGE")?;
        }
    }
}
