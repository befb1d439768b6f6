// SPDX-License-Identifier: GPL-2.0

//! Clamping of guest-controlled indices against speculation.
//!
//! C headers: `include/linux/nospec.h`, `arch/x86/include/asm/barrier.h`. The kernel crate has no
//! helper for it.

use core::arch::asm;

/// Returns `index` if it is less than `SIZE`, otherwise 0, even while the CPU speculates past a
/// check of `index`.
#[inline(always)]
pub(crate) fn clamp<const SIZE: u32>(index: u32) -> u32 {
    let clamped: u32;
    // SAFETY: `cmp` borrows if `index` is less than `SIZE`; `sbb` turns the borrow into all ones or
    // all zeros; `and` keeps the index or clears it. None of them accesses memory. An `asm!` block
    // is needed because a comparison in Rust could become a branch. The block includes the `and`,
    // so that the compiler, which knows from the earlier check that the index is in range, must
    // continue with this value. It is volatile (no `pure`), so that it is not moved.
    unsafe {
        asm!(
            "cmp {index:e}, {size}",
            "sbb {mask:e}, {mask:e}",
            "and {index:e}, {mask:e}",
            index = inout(reg) index => clamped,
            mask = out(reg) _,
            size = const SIZE,
            options(nomem, nostack),
        )
    }
    clamped
}

#[cfg(exitstat_kunit)]
#[kernel::prelude::kunit_tests(exitstat_nospec)]
mod tests {
    use super::clamp;
    use crate::reason::END;

    #[test]
    fn an_index_in_range_is_kept() {
        for index in 0..END {
            assert_eq!(clamp::<END>(index), index);
        }
        assert_eq!(clamp::<{ u32::MAX }>(u32::MAX - 1), u32::MAX - 1);
    }

    #[test]
    fn an_index_out_of_range_is_0() {
        for index in [END, END + 1, 0xffff, 0x10000, 0x10001, 1 << 31, u32::MAX] {
            assert_eq!(clamp::<END>(index), 0);
        }
        assert_eq!(clamp::<{ u32::MAX }>(u32::MAX), 0);
    }

    #[test]
    fn of_nothing_there_is_no_index() {
        for index in [0, 1, u32::MAX] {
            assert_eq!(clamp::<0>(index), 0);
        }
    }
}
