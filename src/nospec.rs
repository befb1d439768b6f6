// SPDX-License-Identifier: GPL-2.0

//! Indices that a guest chooses, made safe against speculation.
//!
//! C header: `include/linux/nospec.h`, `arch/x86/include/asm/barrier.h`. The kernel crate has no
//! helper for it.

use core::arch::asm;

/// `index` if it is less than `SIZE`, else 0; also while the CPU speculates past a test of `index`.
#[inline(always)]
pub(crate) fn clamp<const SIZE: u32>(index: u32) -> u32 {
    let clamped: u32;
    // SAFETY: `cmp` borrows if `index` is less than `SIZE`; `sbb` makes of the borrow all ones or
    // all zeros; `and` leaves the index or nothing. None touches memory. An `asm!` block, as a
    // comparison in Rust could become a branch; with the `and` in it, as the compiler, which knows
    // from the test before that the index is in range, has then only this value to go on with.
    // Volatile (no `pure`), so that it is not moved away.
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
