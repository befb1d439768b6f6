// SPDX-License-Identifier: GPL-2.0

//! The guest programs: 64-bit code that uses no memory but its own.
//!
//! At the start `%rdi` is how many exits to take, `%rsi` where to write for [`Program::Touch`],
//! `%r12` the basic exit reason to ask for, and `%r13` where the readings go: four registers of
//! CPUID about reason 35, which proves that the leaves are live, four before the loop, two TSC
//! values around it, the least time that one exit took, four registers after. At the end the program writes to port [`DONE`].

use std::arch::global_asm;

/// Port that ends a program.
pub const DONE: u16 = 0xf4;
/// Port that nobody listens on.
pub const QUIET: u16 = 0x80;
/// Vector of the interrupt that [`Program::Hlt`] sends to itself.
pub const VECTOR: u8 = 0x40;

/// A program.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Program {
    Cpuid,
    Pio,
    Hlt,
    Rdmsr,
    Wrmsr,
    Touch,
}

impl Program {
    /// The basic exit reason of the exits that it takes.
    pub fn reason(self) -> u64 {
        match self {
            Self::Cpuid => 10,
            Self::Hlt => 12,
            Self::Pio => 30,
            Self::Rdmsr => 31,
            Self::Wrmsr => 32,
            Self::Touch => 48,
        }
    }

    /// Offset of the first instruction in [`code()`].
    pub fn entry(self) -> u64 {
        let entry = match self {
            Self::Cpuid => &raw const bare_cpuid,
            Self::Pio => &raw const bare_pio,
            Self::Hlt => &raw const bare_hlt,
            Self::Rdmsr => &raw const bare_rdmsr,
            Self::Wrmsr => &raw const bare_wrmsr,
            Self::Touch => &raw const bare_touch,
        };
        entry as u64 - &raw const bare_begin as u64
    }
}

/// Offset of the handler of [`VECTOR`] in [`code()`].
pub fn interrupt_entry() -> u64 {
    &raw const bare_interrupt as u64 - &raw const bare_begin as u64
}

/// The machine code of all programs; it runs at any address.
pub fn code() -> &'static [u8] {
    let begin = &raw const bare_begin;
    let length = &raw const bare_end as usize - begin as usize;
    // SAFETY: The assembler code below puts both symbols around bytes that never change.
    unsafe { std::slice::from_raw_parts(begin, length) }
}

extern "C" {
    static bare_begin: u8;
    static bare_end: u8;
    static bare_cpuid: u8;
    static bare_pio: u8;
    static bare_hlt: u8;
    static bare_rdmsr: u8;
    static bare_wrmsr: u8;
    static bare_touch: u8;
    static bare_interrupt: u8;
}

global_asm!(
    r#"
    .pushsection .rodata
    .globl bare_begin, bare_end, bare_cpuid, bare_pio, bare_hlt
    .globl bare_rdmsr, bare_wrmsr, bare_touch, bare_interrupt
    .macro READING reason
        mov eax, 0x4ffffffd
        mov ecx, \reason
        cpuid
        mov [r13], eax
        mov [r13 + 4], ebx
        mov [r13 + 8], ecx
        mov [r13 + 12], edx
        add r13, 16
    .endm
    .macro TIMESTAMP
        rdtsc
        mov [r13], eax
        mov [r13 + 4], edx
        add r13, 8
    .endm
    .macro NOW
        rdtsc
        shl rdx, 32
        or rax, rdx
    .endm
    // Around one exit: r9 is the least time that one took.
    .macro FROM
        NOW
        mov r8, rax
    .endm
    .macro TO
        NOW
        sub rax, r8
        cmp rax, r9
        cmovb r9, rax
    .endm
    .macro BEFORE
        READING 35
        READING r12d
        mov r9, -1
        TIMESTAMP
    .endm
    .macro AFTER
        TIMESTAMP
        mov [r13], r9
        add r13, 8
        READING r12d
        out {done}, al
    .endm

    bare_begin:
    bare_cpuid:
        BEFORE
    2:  FROM
        xor eax, eax
        cpuid
        TO
        dec rdi
        jnz 2b
        AFTER

    bare_pio:
        BEFORE
    2:  FROM
        out {quiet}, al
        TO
        dec rdi
        jnz 2b
        AFTER

    // The local APIC is in x2APIC mode: enable it, then send an interrupt to this very CPU while
    // interrupts are off. STI lets it in after HLT, which therefore exits, and does not wait.
    bare_hlt:
        mov ecx, 0x80f
        mov eax, 0x1ff
        xor edx, edx
        wrmsr
        BEFORE
    2:  mov ecx, 0x83f
        mov eax, {vector}
        xor edx, edx
        wrmsr
        FROM
        sti
        hlt
        cli
        TO
        dec rdi
        jnz 2b
        AFTER

    bare_interrupt:
        push rax
        push rcx
        push rdx
        mov ecx, 0x80b
        xor eax, eax
        xor edx, edx
        wrmsr
        pop rdx
        pop rcx
        pop rax
        iretq

    bare_rdmsr:
        BEFORE
        mov ecx, 0x1b
    2:  FROM
        rdmsr
        TO
        dec rdi
        jnz 2b
        AFTER

    bare_wrmsr:
        BEFORE
        mov ecx, 0x6e0
    2:  FROM
        xor eax, eax
        xor edx, edx
        wrmsr
        TO
        dec rdi
        jnz 2b
        AFTER

    bare_touch:
        BEFORE
    2:  FROM
        mov byte ptr [rsi], 1
        TO
        add rsi, 4096
        dec rdi
        jnz 2b
        AFTER
    bare_end:
    .popsection
    "#,
    done = const DONE,
    quiet = const QUIET,
    vector = const VECTOR,
);
