// SPDX-License-Identifier: GPL-2.0

//! Guest memory.

use anyhow::{Context, Result};
use kvm_bindings::kvm_userspace_memory_region;
use kvm_ioctls::VmFd;
use rustix::mm::{mmap_anonymous, MapFlags, ProtFlags};
use std::ops::Range;

/// Size of a page in bytes.
pub const PAGE: usize = 4096;

/// Guest memory that stays mapped until the process ends.
pub struct Memory {
    start: *mut u8,
    length: usize,
}

impl Memory {
    /// Allocates zeroed memory.
    pub fn new(length: usize) -> Result<Self> {
        let (prot, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        let anywhere = std::ptr::null_mut();
        // SAFETY: The kernel chooses a free address.
        let start = unsafe { mmap_anonymous(anywhere, length, prot, flags) }?;
        Ok(Self {
            start: start.cast(),
            length,
        })
    }

    /// Adds the memory to a guest at a guest-physical address.
    pub fn add_to(&self, vm: &VmFd, slot: u32, guest_phys_addr: u64) -> Result<()> {
        let region = kvm_userspace_memory_region {
            slot,
            flags: 0,
            guest_phys_addr,
            memory_size: self.length as u64,
            userspace_addr: self.start as u64,
        };
        // SAFETY: Only the guest uses the memory while a vCPU runs, and it stays mapped.
        unsafe { vm.set_user_memory_region(region) }.context("KVM_SET_USER_MEMORY_REGION")
    }

    /// Returns the addresses of the memory in this process.
    pub fn addresses(&self) -> Range<u64> {
        let start = self.start as u64;
        start..start + self.length as u64
    }

    /// Reads `N` bytes. No vCPU may run.
    pub fn read<const N: usize>(&self, at: u64) -> [u8; N] {
        // SAFETY: It is mapped, and only vCPUs and `write()` write to it.
        let memory = unsafe { std::slice::from_raw_parts(self.start, self.length) };
        let mut bytes = [0; N];
        bytes.copy_from_slice(&memory[at as usize..][..N]);
        bytes
    }

    /// Writes bytes. No vCPU may run.
    pub fn write(&mut self, at: u64, bytes: &[u8]) {
        // SAFETY: It is mapped, and `&mut self` is exclusive.
        let memory = unsafe { std::slice::from_raw_parts_mut(self.start, self.length) };
        memory[at as usize..][..bytes.len()].copy_from_slice(bytes);
    }

    /// Makes the host allocate all pages. The guest still has none of them.
    pub fn populate(&self) {
        for page in (0..self.length).step_by(PAGE) {
            // SAFETY: It is mapped, and nothing reads it before a guest uses it.
            unsafe { self.start.add(page).write_volatile(0) };
        }
    }
}
