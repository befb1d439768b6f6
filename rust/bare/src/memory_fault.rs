// SPDX-License-Identifier: GPL-2.0

//! Memory that KVM cannot map and that the VMM must provide: KVM_EXIT_MEMORY_FAULT, for which KVM_RUN fails
//! with EFAULT. Here it is a closed guest_memfd.

use crate::{
    guest::Program,
    measure::{run_to_stop, Measure, Stop, LATE},
    memory::{Memory, PAGE},
    rows, tsc,
};
use anyhow::{ensure, Context, Result};
use kvm_bindings::{
    kvm_create_guest_memfd, kvm_userspace_memory_region, kvm_userspace_memory_region2,
    KVM_MEM_GUEST_MEMFD,
};
use kvm_ioctls::VmFd;
use std::{
    os::fd::{FromRawFd, OwnedFd},
    thread,
    time::Duration,
};

/// `GUEST_MEMFD_FLAG_MMAP` of `linux/kvm.h`: KVM takes a slot's memory only from the file.
const FLAG_MMAP: u64 = 1;
/// Slot of [`Measure::prepare`]'s pages for the program, and the first free slot.
const TOUCHED: u32 = 1;
const FREE: u32 = 2;

/// Basic exit reason.
const EPT_VIOLATION: u32 = 48;

/// Runs a guest that touches `count` pages, which the VMM provides `late` after each exit. A page causes an EPT
/// violation that userspace finishes, another when the page is present, and more when KVM unmaps memory for a
/// removed slot. The number and the time of the first kind must be attributed to userspace.
pub fn run(count: u64, late: Duration) -> Result<()> {
    let mut guest = Measure::new(Program::Touch, count).prepare()?;
    remove(guest.vm(), TOUCHED)?;
    take_away(guest.vm(), count)?;

    let (mut provided, mut finished, mut slept) = (Vec::new(), 0, 0);
    let begin = tsc::now();
    loop {
        let stop = run_to_stop(guest.vcpu())?;
        finished += 1;
        match stop {
            Stop::Done => break,
            Stop::Quiet => {}
            Stop::MemoryFault { gpa } => {
                let asleep = tsc::now();
                thread::sleep(late);
                slept += tsc::now() - asleep;
                let slot = FREE + u32::try_from((gpa - LATE) / PAGE as u64)?;
                let page = Memory::new(PAGE)?;
                remove(guest.vm(), slot)?;
                page.add_to(guest.vm(), slot, gpa)?;
                provided.push(page);
            }
        }
    }
    let whole = tsc::now() - begin;

    let faults = provided.len() as u64;
    ensure!(faults == count, "{faults} memory faults, not {count}");
    let rows = rows::own_vcpus()?;
    let row = rows.first().context("the module has no such vCPU")?;
    ensure!(
        row.user.exits == finished,
        "userspace finished {} exits, not {finished}",
        row.user.exits
    );
    let reasons = rows::reasons(row)?;
    let violations = reasons.get(&EPT_VIOLATION).context("no EPT violation")?;
    let user = violations.user;
    ensure!(
        user.exits == count && violations.exits.exits >= 2 * count,
        "EPT violations: {violations:?}"
    );
    ensure!(
        (slept..whole).contains(&user.cycles),
        "userspace took {} cycles; it slept {slept} of {whole}",
        user.cycles
    );
    println!(
        "{faults} memory faults; of {} EPT violations userspace finished {}",
        violations.exits.exits, user.exits
    );
    Ok(())
}

/// Creates a guest_memfd with one slot per page, and closes it.
fn take_away(vm: &VmFd, count: u64) -> Result<()> {
    let fd = vm
        .create_guest_memfd(kvm_create_guest_memfd {
            size: count * PAGE as u64,
            flags: FLAG_MMAP,
            ..Default::default()
        })
        .context("KVM_CREATE_GUEST_MEMFD")?;
    for (slot, page) in (FREE..).zip(0..count) {
        let offset = page * PAGE as u64;
        let region = kvm_userspace_memory_region2 {
            slot,
            flags: KVM_MEM_GUEST_MEMFD,
            guest_phys_addr: LATE + offset,
            memory_size: PAGE as u64,
            guest_memfd: u32::try_from(fd)?,
            guest_memfd_offset: offset,
            ..Default::default()
        };
        // SAFETY: The guest gets no memory of this process.
        unsafe { vm.set_user_memory_region2(region) }.context("KVM_SET_USER_MEMORY_REGION2")?;
    }
    // SAFETY: It is open and has no other owner.
    drop(unsafe { OwnedFd::from_raw_fd(fd) });
    Ok(())
}

/// Removes a slot.
fn remove(vm: &VmFd, slot: u32) -> Result<()> {
    let nothing = kvm_userspace_memory_region {
        slot,
        ..Default::default()
    };
    // SAFETY: The guest gets no memory of this process.
    unsafe { vm.set_user_memory_region(nothing) }.context("KVM_SET_USER_MEMORY_REGION")
}
