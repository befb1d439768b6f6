// SPDX-License-Identifier: GPL-2.0

//! The CPUID instruction.

use exitstat_core::leaf::Answer;

/// Executes CPUID; `None` on an architecture without it.
#[must_use]
pub fn cpuid(eax: u32, ecx: u32) -> Option<Answer> {
    #[cfg(target_arch = "x86_64")]
    {
        // Safe in newer compilers.
        #[allow(unused_unsafe)]
        // SAFETY: every x86-64 CPU has CPUID, which takes any leaf and does not affect memory.
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
