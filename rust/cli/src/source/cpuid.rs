// SPDX-License-Identifier: GPL-2.0

//! The CPUID instruction.

use exitstat_core::leaf::Answer;

/// What CPUID answers; `None` where there is no such instruction.
#[must_use]
pub fn cpuid(eax: u32, ecx: u32) -> Option<Answer> {
    #[cfg(target_arch = "x86_64")]
    {
        // Newer compilers know that it is safe.
        #[allow(unused_unsafe)]
        // SAFETY: CPUID is there on each x86-64 CPU, with any leaf, and has no effect on memory.
        let answer = unsafe { core::arch::x86_64::__cpuid_count(eax, ecx) };
        Some(Answer {
            eax: answer.eax,
            ebx: answer.ebx,
            ecx: answer.ecx,
            edx: answer.edx,
        })
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = (eax, ecx);
        None
    }
}
