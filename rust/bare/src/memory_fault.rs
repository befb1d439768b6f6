// SPDX-License-Identifier: GPL-2.0

//! Memory that KVM cannot map and leaves to the VMM: KVM_EXIT_MEMORY_FAULT, for which KVM_RUN fails with
//! EFAULT. Here it is a guest_memfd that was closed.

use crate::{
    guest::{self, Program},
    measure::{Measure, LATE},
    memory::{Memory, PAGE},
    rows, tsc,
};
use anyhow::{bail, ensure, Context, Result};
use kvm_bindings::{kvm_create_guest_memfd, kvm_userspace_memory_region2, KVM_MEM_GUEST_MEMFD};
use kvm_ioctls::{VcpuExit, VmFd};
use std::{
    os::fd::{FromRawFd, OwnedFd},
    thread,
    time::Duration,
};

/// `GUEST_MEMFD_FLAG_MMAP` of `linux/kvm.h`: KVM takes a slot's memory from the file alone.
const FLAG_MMAP: u64 = 1;
/// Where [`Measure::prepare`] puts the pages that the program touches, and the first slot that it leaves.
const TOUCHED: u32 = 1;
const FREE: u32 = 2;

/// Basic exit reason.
const EPT_VIOLATION: u32 = 48;

/// A guest touches `count` pages that the VMM must provide, each `late` after the exit. Each takes an EPT
/// violation that userspace finishes, one for the page that is there then, and more for what KVM unmaps
/// when a slot goes. Of the first, count and time must be userspace's.
pub fn run(count: u64, late: Duration) -> Result<()> {
    let measure = Measure {
        program: Program::Touch,
        count,
        late: None,
        question: (0, 0),
        vcpus: 1,
    };
    let mut guest = measure.prepare()?;
    set_region(guest.vm(), TOUCHED, LATE, 0, None)?;
    take_away(guest.vm(), count)?;

    let (mut provided, mut finished, mut slept) = (Vec::new(), 0, 0);
    let begin = tsc::now();
    loop {
        match guest.vcpu().run() {
            Ok(VcpuExit::MemoryFault { gpa, .. }) => {
                let asleep = tsc::now();
                thread::sleep(late);
                slept += tsc::now() - asleep;
                let slot = FREE + u32::try_from((gpa - LATE) / PAGE as u64)?;
                let page = Memory::new(PAGE)?;
                set_region(guest.vm(), slot, gpa, 0, None)?;
                page.add_to(guest.vm(), slot, gpa)?;
                provided.push(page);
            }
            Ok(VcpuExit::IoOut(guest::DONE, _)) => break,
            Ok(VcpuExit::IoOut(guest::QUIET, _)) => {}
            Err(error) if error.errno() == 4 || error.errno() == 11 => continue,
            other => bail!("the guest did something unexpected: {other:?}"),
        }
        finished += 1;
    }
    let whole = tsc::now() - begin;
    // The one that says that the program is done.
    finished += 1;

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

/// Pages of a guest_memfd, a slot each, whose file is gone.
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
        set_region(vm, slot, LATE + offset, PAGE as u64, Some((fd, offset)))?;
    }
    // SAFETY: It is open, and nobody else's.
    drop(unsafe { OwnedFd::from_raw_fd(fd) });
    Ok(())
}

/// A slot of so many bytes, none to remove it; of a guest_memfd, from an offset on.
fn set_region(
    vm: &VmFd,
    slot: u32,
    guest_phys_addr: u64,
    memory_size: u64,
    memfd: Option<(i32, u64)>,
) -> Result<()> {
    let (fd, offset) = memfd.unwrap_or_default();
    let region = kvm_userspace_memory_region2 {
        slot,
        flags: if memfd.is_some() {
            KVM_MEM_GUEST_MEMFD
        } else {
            0
        },
        guest_phys_addr,
        memory_size,
        guest_memfd: u32::try_from(fd)?,
        guest_memfd_offset: offset,
        ..Default::default()
    };
    // SAFETY: The guest gets no memory of this process.
    unsafe { vm.set_user_memory_region2(region) }.context("KVM_SET_USER_MEMORY_REGION2")
}
