// SPDX-License-Identifier: GPL-2.0

//! The memory that the programs write, with the layout of `program/layout.h`.
//!
//! All of it is atomic, because the kernel writes while it is being read.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicU8};

/// Number of indexes; each reason has one.
pub const INDEXES: usize = 240;

/// Slots for reasons in a vCPU's row.
pub const SLOTS: usize = 55;

/// The slot of a reason without a slot.
#[cfg(test)]
pub const NO_SLOT: u8 = 255;

/// Buckets of a histogram.
pub const BUCKETS: usize = 32;

/// Memory that another party may write at any time, with any bytes.
///
/// # Safety
///
/// The type must be `repr(C)` and consist of atomic integers only.
pub unsafe trait Shared {}

#[repr(C)]
#[derive(Debug)]
pub struct Tally {
    pub exits: AtomicU64,
    pub ns: AtomicU64,
}

#[repr(C)]
#[derive(Debug)]
pub struct Cpu {
    pub row: AtomicU32,
    pub pad: [AtomicU32; 63],
    pub tallies: [Tally; INDEXES],
}

#[repr(C)]
#[derive(Debug)]
pub struct Detail {
    pub exits: AtomicU64,
    pub ns: AtomicU64,
    pub max: AtomicU64,
    pub user_exits: AtomicU64,
    pub user_ns: AtomicU64,
    pub histogram: [AtomicU64; BUCKETS],
}

#[repr(C)]
#[derive(Debug)]
pub struct Vcpu {
    pub vcpu: AtomicU64,
    pub task: AtomicU64,
    pub exited: AtomicU64,
    pub left: AtomicU64,
    pub descheduled: AtomicU64,
    pub off: AtomicU64,
    pub pad: [AtomicU64; 4],
    pub interrupted: AtomicU32,
    pub slot: AtomicU32,
    pub index: AtomicU32,
    pub id: AtomicU32,
    pub pid: AtomicU32,
    pub live: AtomicU32,
    pub details: [Detail; SLOTS],
}

#[repr(C)]
#[derive(Debug)]
pub struct Host {
    pub retirals: AtomicU64,
    pub retired: AtomicU64,
    pub unattached: AtomicU64,
    pub pad2: AtomicU64,
    pub hint: AtomicU32,
    pub pad: AtomicU32,
    pub owners: [AtomicU32; SLOTS + 1],
    pub slots: [AtomicU8; INDEXES],
    pub details: [Detail; SLOTS],
}

// SAFETY: see the definitions above.
unsafe impl Shared for Cpu {}
// SAFETY: as above.
unsafe impl Shared for Vcpu {}
// SAFETY: as above.
unsafe impl Shared for Host {}

// Limits of the memory: 16 KiB per vCPU, 4 KiB per CPU.
const _: () = assert!(size_of::<Vcpu>() == 16 << 10 && size_of::<Cpu>() == 4 << 10);
