// SPDX-License-Identifier: GPL-2.0

//! Memory of a guest's.

use anyhow::{Context, Result};
use kvm_bindings::kvm_userspace_memory_region;
use kvm_ioctls::VmFd;
use rustix::mm::{mmap_anonymous, MapFlags, ProtFlags};
use std::ops::Range;

/// Bytes of a page.
pub const PAGE: usize = 4096;

/// Memory that a guest has, and that stays mapped until the end of the process.
pub struct Memory {
    start: *mut u8,
    length: usize,
}

impl Memory {
    /// Zeroed.
    pub fn new(length: usize) -> Result<Self> {
        let (prot, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        let anywhere = std::ptr::null_mut();
        // SAFETY: The kernel chooses an address that is free.
        let start = unsafe { mmap_anonymous(anywhere, length, prot, flags) }?;
        Ok(Self {
            start: start.cast(),
            length,
        })
    }

    /// Gives it to a guest, at a guest-physical address.
    pub fn add_to(&self, vm: &VmFd, slot: u32, guest_phys_addr: u64) -> Result<()> {
        let region = kvm_userspace_memory_region {
            slot,
            flags: 0,
            guest_phys_addr,
            memory_size: self.length as u64,
            userspace_addr: self.start as u64,
        };
        // SAFETY: The memory is the guest's alone while a vCPU runs, and stays mapped.
        unsafe { vm.set_user_memory_region(region) }.context("KVM_SET_USER_MEMORY_REGION")
    }

    /// The addresses that this process has it at.
    pub fn addresses(&self) -> Range<u64> {
        let start = self.start as u64;
        start..start + self.length as u64
    }

    /// `N` bytes; only while no vCPU runs.
    pub fn read<const N: usize>(&self, at: u64) -> [u8; N] {
        // SAFETY: Mapped, and written by no one but the vCPUs and `write()`.
        let memory = unsafe { std::slice::from_raw_parts(self.start, self.length) };
        let mut bytes = [0; N];
        bytes.copy_from_slice(&memory[at as usize..][..N]);
        bytes
    }

    /// Writes bytes; only while no vCPU runs.
    pub fn write(&mut self, at: u64, bytes: &[u8]) {
        // SAFETY: Mapped, and `&mut self`.
        let memory = unsafe { std::slice::from_raw_parts_mut(self.start, self.length) };
        memory[at as usize..][..bytes.len()].copy_from_slice(bytes);
    }

    /// Has a page of the machine's for each of its own; the guest still has none.
    pub fn populate(&self) {
        for page in (0..self.length).step_by(PAGE) {
            // SAFETY: Mapped, and nobody reads what is not yet a guest's.
            unsafe { self.start.add(page).write_volatile(0) };
        }
    }
}
