// SPDX-License-Identifier: GPL-2.0

//! Indices that a guest chooses, made safe against speculation.
//!
//! C header: `include/linux/nospec.h`, `arch/x86/include/asm/barrier.h`. The kernel crate has no
//! helper for it.

use core::arch::asm;

/// `index` if it is less than `size`, else 0; also while the CPU speculates past a test of
/// `index`.
#[inline(always)]
pub(crate) fn clamp(index: u32, size: u32) -> u32 {
    let mask: u32;
    // SAFETY: `cmp` borrows if `index` is less than `size`; `sbb` makes of the borrow all ones or
    // all zeros. Neither touches memory. An `asm!` block, as a comparison in Rust could become a
    // branch. Volatile (no `pure`), so that it is not moved away.
    unsafe {
        asm!(
            "cmp {index:e}, {size:e}",
            "sbb {mask:e}, {mask:e}",
            index = in(reg) index,
            size = in(reg) size,
            mask = out(reg) mask,
            options(nomem, nostack),
        )
    }
    index & mask
}
