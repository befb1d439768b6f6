// SPDX-License-Identifier: GPL-2.0

//! The module's clock.

use std::arch::x86_64::_rdtsc;

/// Reads the time-stamp counter.
pub fn now() -> u64 {
    // SAFETY: All CPUs with VMX have a TSC, and Linux lets programs read it.
    unsafe { _rdtsc() }
}
