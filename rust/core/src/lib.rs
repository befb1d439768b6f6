// SPDX-License-Identifier: GPL-2.0

//! Names of VM exits, and the encoding of exit counts in CPUID.
//!
//! Pure logic without dependencies. The kernel module compiles the same files (through `#[path]`,
//! see `src/exitstat_main.rs`), so they refer to each other by `super::` and use nothing from `std`
//! or from the kernel.

#![no_std]
#![forbid(unsafe_code)]

pub mod detail;
pub mod footprint;
pub mod histogram;
pub mod isa;
pub mod key;
pub mod leaf;
pub mod reason;
pub mod slow;
pub mod snapshot;
pub mod svm;
pub mod tally;
