// SPDX-License-Identifier: GPL-2.0

//! Guest programs. They only use their own memory.
//!
//! Measuring programs are 64-bit code. At the start `%rdi` has the number of exits to take, `%rsi` the address
//! to write to for [`Program::Touch`], `%r14` and `%r15` the query for [`Program::Leaf`], `%r12` the basic exit
//! reason to read, and `%r13` the address for the readings: four registers of CPUID for reason 35, which proves
//! that the leaves are live, four before the loop, two TSC values around it, and four after it. The duration of
//! each exit is written to the ring buffer at [`SAMPLES`]. At the end the program writes to port [`DONE`].
//!
//! Asking programs, [`Program::Ask`], find `%ebp` questions at `%rsi`, and write answers to `%rdi`. Then they
//! write to port [`DONE`], and start again with the registers as set meanwhile.
//!
//! The program that watches the clock, [`Program::Watch`], writes the longest gap that it saw to `%rsi`, and
//! the time for which it has watched to `%rsi` + 8, before each write to port [`QUIET`].

use std::arch::global_asm;

/// Port that ends a program.
pub const DONE: u16 = 0xf4;
/// Unused port.
pub const QUIET: u16 = 0x80;
/// Port to which a program writes if it detects an error.
pub const WRONG: u16 = 0xf5;
/// Address for the durations of exits, 8 bytes each. The bit of the address that equals the length is clear, so
/// a single AND wraps around from the end to the start.
pub const SAMPLES: u64 = 0x10_0000;
/// Maximum number of durations.
pub const SAMPLES_KEPT: usize = 0x8_0000 / 8;
/// Vector of the interrupt that [`Program::Hlt`] sends to itself.
pub const VECTOR: u8 = 0x40;

/// Clock readings of [`Program::Watch`] between two exits: about ten thousand instructions.
const WATCHED: u32 = 40;

/// Mode of a vCPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// 64-bit.
    Long { ring: u8 },
    /// 32-bit, without paging.
    Protected { ring: u8 },
    /// 16-bit.
    Real,
}

/// A program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    Cpuid,
    Leaf,
    /// CPUID of leaves from `%r14` on, each once.
    Leaves,
    Pio,
    Hlt,
    Rdmsr,
    Wrmsr,
    Touch,
    /// Takes exits endlessly: CPUID, whose output must not change, a leaf, WRMSR in the fastpath, and sometimes
    /// port I/O.
    Noise,
    /// Reads the TSC continuously, and keeps the longest gap between two readings. Exits occasionally. Never
    /// ends.
    Watch,
    /// Takes one exit and ends.
    Once,
    /// Starts with CPUID of the initial registers, then continues like [`Program::Once`].
    First {
        mode: Mode,
    },
    /// CPUID for each of a list of questions, optionally with KVM's forced-emulation prefix.
    Ask {
        mode: Mode,
        prefix: bool,
    },
}

impl Program {
    /// Returns the basic exit reason of its exits.
    pub fn reason(self) -> u64 {
        match self {
            Self::Cpuid
            | Self::Leaf
            | Self::Leaves
            | Self::Noise
            | Self::Watch
            | Self::First { .. } => 10,
            Self::Hlt => 12,
            Self::Pio | Self::Once => 30,
            Self::Rdmsr => 31,
            Self::Wrmsr => 32,
            Self::Touch => 48,
            Self::Ask { prefix: false, .. } => 10,
            Self::Ask { prefix: true, .. } => 0,
        }
    }

    /// Returns the mode that it is written for.
    pub fn mode(self) -> Mode {
        match self {
            Self::First { mode } | Self::Ask { mode, .. } => mode,
            _ => Mode::Long { ring: 0 },
        }
    }

    /// Returns the offset of its first instruction in [`code()`].
    pub fn entry(self) -> u64 {
        let entry = match self {
            Self::Cpuid => &raw const bare_cpuid,
            Self::Leaf => &raw const bare_leaf,
            Self::Leaves => &raw const bare_leaves,
            Self::Pio => &raw const bare_pio,
            Self::Hlt => &raw const bare_hlt,
            Self::Rdmsr => &raw const bare_rdmsr,
            Self::Wrmsr => &raw const bare_wrmsr,
            Self::Touch => &raw const bare_touch,
            Self::Noise => &raw const bare_noise,
            Self::Watch => &raw const bare_watch,
            Self::Once => &raw const bare_once,
            Self::First { .. } => &raw const bare_first,
            Self::Ask { mode, prefix } => match (mode, prefix) {
                (Mode::Long { .. }, false) => &raw const bare_ask64,
                (Mode::Long { .. }, true) => &raw const bare_ask64_prefix,
                (Mode::Protected { .. }, false) => &raw const bare_ask32,
                (Mode::Protected { .. }, true) => &raw const bare_ask32_prefix,
                (Mode::Real, _) => &raw const bare_ask16,
            },
        };
        entry as u64 - &raw const bare_begin as u64
    }
}

/// Returns the offset of the handler of [`VECTOR`] in [`code()`].
pub fn interrupt_entry() -> u64 {
    &raw const bare_interrupt as u64 - &raw const bare_begin as u64
}

/// Returns the machine code of all programs, which is position-independent.
pub fn code() -> &'static [u8] {
    let begin = &raw const bare_begin;
    let length = &raw const bare_end as usize - begin as usize;
    // SAFETY: The assembly code below defines both symbols, around bytes that never change.
    unsafe { std::slice::from_raw_parts(begin, length) }
}

extern "C" {
    static bare_begin: u8;
    static bare_end: u8;
    static bare_cpuid: u8;
    static bare_leaf: u8;
    static bare_leaves: u8;
    static bare_pio: u8;
    static bare_hlt: u8;
    static bare_rdmsr: u8;
    static bare_wrmsr: u8;
    static bare_touch: u8;
    static bare_interrupt: u8;
    static bare_noise: u8;
    static bare_watch: u8;
    static bare_once: u8;
    static bare_first: u8;
    static bare_ask64: u8;
    static bare_ask64_prefix: u8;
    static bare_ask32: u8;
    static bare_ask32_prefix: u8;
    static bare_ask16: u8;
}

global_asm!(
    r#"
    .pushsection .rodata
    .globl bare_begin, bare_end, bare_cpuid, bare_pio, bare_hlt
    .globl bare_rdmsr, bare_wrmsr, bare_touch, bare_interrupt, bare_leaf, bare_noise, bare_watch
    .globl bare_once, bare_first, bare_leaves
    .globl bare_ask64, bare_ask64_prefix, bare_ask32, bare_ask32_prefix, bare_ask16
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
    // Around one exit.
    .macro FROM
        NOW
        mov r8, rax
    .endm
    .macro TO
        NOW
        sub rax, r8
        mov [r10], rax
        add r10, 8
        and r10, ~{samples_length}
    .endm
    // Touches the pages that samples go to, or the first on each would cause another exit.
    .macro BEFORE
        mov r10d, {samples}
        mov rcx, rdi
        shr rcx, 9
        inc rcx
    9:  mov qword ptr [r10], 0
        add r10, 4096
        and r10, ~{samples_length}
        dec rcx
        jnz 9b
        mov r10d, {samples}
        READING 35
        READING r12d
        TIMESTAMP
    .endm
    .macro AFTER
        TIMESTAMP
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

    bare_leaf:
        BEFORE
    2:  FROM
        mov eax, r14d
        mov ecx, r15d
        cpuid
        TO
        dec rdi
        jnz 2b
        AFTER

    bare_leaves:
        BEFORE
    2:  FROM
        mov eax, r14d
        xor ecx, ecx
        cpuid
        TO
        inc r14d
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

    bare_noise:
        xor eax, eax
        xor ecx, ecx
        cpuid
        mov r8d, eax
        mov r9d, ebx
        mov r10d, ecx
        mov r11d, edx
    2:  xor eax, eax
        xor ecx, ecx
        cpuid
        cmp eax, r8d
        jne 3f
        cmp ebx, r9d
        jne 3f
        cmp ecx, r10d
        jne 3f
        cmp edx, r11d
        jne 3f
        mov eax, 0x4fffffff
        cpuid
        mov ecx, 0x6e0
        xor eax, eax
        xor edx, edx
        wrmsr
        inc rdi
        test edi, 63
        jnz 2b
        out {quiet}, al
        jmp 2b
    3:  out {wrong}, al

    // R8 has the last reading, R9 the first, R10 the longest gap.
    bare_watch:
        NOW
        mov r8, rax
        mov r9, rax
        xor r10d, r10d
    2:  mov ebp, {readings}
    3:  NOW
        mov rcx, rax
        sub rcx, r8
        mov r8, rax
        cmp rcx, r10
        cmovg r10, rcx
        // An emulator has these for little.
        .fill 256, 1, 0x90
        dec ebp
        jnz 3b
        xor eax, eax
        xor ecx, ecx
        cpuid
        inc edi
        test edi, 31
        jnz 2b
        mov [rsi], r10
        mov rax, r8
        sub rax, r9
        mov [rsi + 8], rax
        out {quiet}, al
        jmp 2b

    // The same bytes in code of 64, 32 and 16 bits.
    bare_first:
        cpuid
    bare_once:
        out {done}, al

    // All bits of the registers that CPUID writes are set before, so that one that it leaves shows.
    .macro ASK64 prefix:vararg
    2:  mov eax, [rsi]
        mov ecx, [rsi + 4]
        mov rbx, -1
        mov rdx, -1
        \prefix
        cpuid
        mov [rdi], rax
        mov [rdi + 8], rbx
        mov [rdi + 16], rcx
        mov [rdi + 24], rdx
        add rsi, 8
        add rdi, 32
        dec ebp
        jnz 2b
        out {done}, al
        jmp 2b
    .endm
    .macro ASK32 prefix:vararg
    2:  mov eax, [esi]
        mov ecx, [esi + 4]
        mov ebx, -1
        mov edx, -1
        \prefix
        cpuid
        mov [edi], eax
        mov [edi + 8], ebx
        mov [edi + 16], ecx
        mov [edi + 24], edx
        add esi, 8
        add edi, 32
        dec ebp
        jnz 2b
        out {done}, al
        jmp 2b
    .endm
    bare_ask64:
        ASK64
    bare_ask64_prefix:
        ASK64 .byte 0x0f, 0x0b, 0x6b, 0x76, 0x6d
    .code32
    bare_ask32:
        ASK32
    bare_ask32_prefix:
        ASK32 .byte 0x0f, 0x0b, 0x6b, 0x76, 0x6d
    .code16
    bare_ask16:
    2:  mov eax, [si]
        mov ecx, [si + 4]
        mov ebx, -1
        mov edx, -1
        cpuid
        mov [di], eax
        mov [di + 8], ebx
        mov [di + 16], ecx
        mov [di + 24], edx
        add si, 8
        add di, 32
        dec bp
        jnz 2b
        out {done}, al
        jmp 2b
    .code64
    bare_end:
    .popsection
    "#,
    done = const DONE,
    quiet = const QUIET,
    wrong = const WRONG,
    vector = const VECTOR,
    samples = const SAMPLES,
    samples_length = const SAMPLES_KEPT * 8,
    readings = const WATCHED,
);
