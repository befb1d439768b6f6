// SPDX-License-Identifier: GPL-2.0

//! The basic exit reasons (Intel SDM vol. 3, appendix C), and the slots that count them.

/// A basic exit reason that the SDM defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The number in bits 15:0 of the VMCS field "exit reason".
    pub number: u32,
    /// Linux's name without `EXIT_REASON_`, or one in that style where Linux has none.
    pub name: &'static str,
    /// The SDM's name.
    pub sdm: &'static str,
}

/// Reason numbers from here up are undefined.
pub const END: u32 = 86;

/// Slots in a table of counters: one for each number below [`END`], and one for all other numbers.
pub const SLOTS: usize = END as usize + 1;

/// The index of a reason in a table of [`SLOTS`] counters.
///
/// # Invariants
///
/// The index is less than [`SLOTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(usize);

impl Slot {
    /// Returns the slot of a basic reason, defined or not.
    #[inline(always)]
    #[must_use]
    pub const fn of(number: u32) -> Self {
        // INVARIANT: `END` is `SLOTS - 1`.
        Self(if number < END { number } else { END } as usize)
    }

    /// Slot of all reasons from [`END`] up.
    pub const BEYOND: Self = Self::of(END);

    /// Returns the slot of a reason below [`END`].
    #[inline(always)]
    #[must_use]
    pub const fn below_end(number: u64) -> Option<Self> {
        if number < END as u64 {
            // INVARIANT: `END` is `SLOTS - 1`.
            Some(Self(number as usize))
        } else {
            None
        }
    }

    /// Returns all slots, in ascending order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=END).map(Self::of)
    }

    /// Returns the index, which is less than [`SLOTS`].
    #[inline(always)]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0
    }
}

/// All reasons that the SDM defines, in ascending order.
pub const REASONS: [Reason; 80] = [
    reason(0, "EXCEPTION_NMI", "Exception or NMI"),
    reason(1, "EXTERNAL_INTERRUPT", "External interrupt"),
    reason(2, "TRIPLE_FAULT", "Triple fault"),
    reason(3, "INIT_SIGNAL", "INIT signal"),
    reason(4, "SIPI_SIGNAL", "Start-up IPI (SIPI)"),
    reason(5, "IO_SMI", "I/O system-management interrupt (SMI)"),
    reason(6, "OTHER_SMI", "Other SMI"),
    reason(7, "INTERRUPT_WINDOW", "Interrupt window"),
    reason(8, "NMI_WINDOW", "NMI window"),
    reason(9, "TASK_SWITCH", "Task switch"),
    reason(10, "CPUID", "CPUID"),
    reason(11, "GETSEC", "GETSEC"),
    reason(12, "HLT", "HLT"),
    reason(13, "INVD", "INVD"),
    reason(14, "INVLPG", "INVLPG"),
    reason(15, "RDPMC", "RDPMC"),
    reason(16, "RDTSC", "RDTSC"),
    reason(17, "RSM", "RSM"),
    reason(18, "VMCALL", "VMCALL"),
    reason(19, "VMCLEAR", "VMCLEAR"),
    reason(20, "VMLAUNCH", "VMLAUNCH"),
    reason(21, "VMPTRLD", "VMPTRLD"),
    reason(22, "VMPTRST", "VMPTRST"),
    reason(23, "VMREAD", "VMREAD"),
    reason(24, "VMRESUME", "VMRESUME"),
    reason(25, "VMWRITE", "VMWRITE"),
    reason(26, "VMOFF", "VMXOFF"),
    reason(27, "VMON", "VMXON"),
    reason(28, "CR_ACCESS", "Control-register accesses"),
    reason(29, "DR_ACCESS", "MOV DR"),
    reason(30, "IO_INSTRUCTION", "I/O instruction"),
    reason(31, "MSR_READ", "RDMSR"),
    reason(32, "MSR_WRITE", "WRMSR"),
    reason(
        33,
        "INVALID_STATE",
        "VM-entry failure due to invalid guest state",
    ),
    reason(34, "MSR_LOAD_FAIL", "VM-entry failure due to MSR loading"),
    reason(36, "MWAIT_INSTRUCTION", "MWAIT"),
    reason(37, "MONITOR_TRAP_FLAG", "Monitor trap flag"),
    reason(39, "MONITOR_INSTRUCTION", "MONITOR"),
    reason(40, "PAUSE_INSTRUCTION", "PAUSE"),
    reason(
        41,
        "MCE_DURING_VMENTRY",
        "VM-entry failure due to machine-check event",
    ),
    reason(43, "TPR_BELOW_THRESHOLD", "TPR below threshold"),
    reason(44, "APIC_ACCESS", "APIC access"),
    reason(45, "EOI_INDUCED", "Virtualized EOI"),
    reason(46, "GDTR_IDTR", "Access to GDTR or IDTR"),
    reason(47, "LDTR_TR", "Access to LDTR or TR"),
    reason(48, "EPT_VIOLATION", "EPT violation"),
    reason(49, "EPT_MISCONFIG", "EPT misconfiguration"),
    reason(50, "INVEPT", "INVEPT"),
    reason(51, "RDTSCP", "RDTSCP"),
    reason(52, "PREEMPTION_TIMER", "VMX-preemption timer expired"),
    reason(53, "INVVPID", "INVVPID"),
    reason(54, "WBINVD", "WBINVD or WBNOINVD"),
    reason(55, "XSETBV", "XSETBV"),
    reason(56, "APIC_WRITE", "APIC write"),
    reason(57, "RDRAND", "RDRAND"),
    reason(58, "INVPCID", "INVPCID"),
    reason(59, "VMFUNC", "VMFUNC"),
    reason(60, "ENCLS", "ENCLS"),
    reason(61, "RDSEED", "RDSEED"),
    reason(62, "PML_FULL", "Page-modification log full"),
    reason(63, "XSAVES", "XSAVES"),
    reason(64, "XRSTORS", "XRSTORS"),
    reason(65, "PCONFIG", "PCONFIG"),
    reason(66, "SPP_EVENT", "SPP-related event"),
    reason(67, "UMWAIT", "UMWAIT"),
    reason(68, "TPAUSE", "TPAUSE"),
    reason(69, "LOADIWKEY", "LOADIWKEY"),
    reason(70, "ENCLV", "ENCLV"),
    reason(72, "ENQCMD_PASID", "ENQCMD PASID translation failure"),
    reason(73, "ENQCMDS_PASID", "ENQCMDS PASID translation failure"),
    reason(74, "BUS_LOCK", "Bus lock"),
    reason(75, "NOTIFY", "Instruction timeout"),
    reason(76, "SEAMCALL", "SEAMCALL"),
    reason(77, "TDCALL", "TDCALL"),
    reason(78, "RDMSRLIST", "RDMSRLIST"),
    reason(79, "WRMSRLIST", "WRMSRLIST"),
    reason(80, "URDMSR", "URDMSR"),
    reason(81, "UWRMSR", "UWRMSR"),
    reason(84, "MSR_READ_IMM", "RDMSR with immediate operand"),
    reason(85, "MSR_WRITE_IMM", "WRMSRNS with immediate operand"),
];

const fn reason(number: u32, name: &'static str, sdm: &'static str) -> Reason {
    Reason { number, name, sdm }
}

/// Bit n is set if reason n is defined. A constant, so that testing a guest's number reads no
/// memory at an address that depends on the number.
const DEFINED: u128 = {
    let mut mask = 0;
    let mut i = 0;
    while i < REASONS.len() {
        mask |= 1 << REASONS[i].number;
        i += 1;
    }
    mask
};

/// Returns whether the SDM defines this basic exit reason. True for 80 of the 2^32 values.
#[must_use]
pub const fn is_defined(number: u32) -> bool {
    number < END && (DEFINED >> number) & 1 == 1
}

/// Returns the slots that belong to no defined reason.
pub fn undefined_slots() -> impl Iterator<Item = Slot> {
    (0..=END).filter(|&n| !is_defined(n)).map(Slot::of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The SDM's reasons as ranges, independent of the table.
    const RANGES: [(u32, u32); 6] = [(0, 34), (36, 37), (39, 41), (43, 70), (72, 81), (84, 85)];

    fn in_ranges(number: u32) -> bool {
        RANGES.iter().any(|&(a, b)| (a..=b).contains(&number))
    }

    #[test]
    fn the_table_has_exactly_the_sdms_numbers_in_order() {
        let expected = RANGES.iter().flat_map(|&(a, b)| a..=b);
        assert!(REASONS.iter().map(|r| r.number).eq(expected));
    }

    #[test]
    fn no_name_is_empty_or_given_twice() {
        for (i, a) in REASONS.iter().enumerate() {
            assert!(!a.name.is_empty() && !a.sdm.is_empty(), "{a:?}");
            assert!(!a.name.contains(char::is_whitespace), "{a:?}");
            for b in &REASONS[..i] {
                assert!(a.name != b.name && a.sdm != b.sdm, "{a:?} {b:?}");
            }
        }
    }

    /// Checks reasons that a table shifted by one or more would name differently.
    #[test]
    fn well_known_reasons_have_their_names() {
        for (number, name) in [
            (0, "EXCEPTION_NMI"),
            (10, "CPUID"),
            (12, "HLT"),
            (23, "VMREAD"),
            (24, "VMRESUME"),
            (30, "IO_INSTRUCTION"),
            (32, "MSR_WRITE"),
            (48, "EPT_VIOLATION"),
            (52, "PREEMPTION_TIMER"),
            (74, "BUS_LOCK"),
            (85, "MSR_WRITE_IMM"),
        ] {
            let found = REASONS.iter().find(|r| r.number == number);
            assert_eq!(found.map(|r| r.name), Some(name));
        }
    }

    #[test]
    fn defined_and_slot_are_right_for_every_16_bit_number() {
        for number in 0..=0xffff {
            assert_eq!(is_defined(number), in_ranges(number), "{number}");
            assert_eq!(Slot::of(number).index(), number.min(END) as usize);
        }
    }

    #[test]
    fn numbers_from_end_up_have_no_slot_of_their_own() {
        for number in 0..u64::from(END) {
            assert_eq!(Slot::below_end(number), Some(Slot::of(number as u32)));
        }
        for number in [END.into(), 0xffff, 1 << 32, (1 << 32) + 10, u64::MAX] {
            assert_eq!(Slot::below_end(number), None, "{number}");
        }
    }

    #[test]
    fn each_slot_is_of_one_reason_or_undefined() {
        let mut seen = [0; SLOTS];
        for r in &REASONS {
            seen[Slot::of(r.number).index()] += 1;
        }
        for slot in undefined_slots() {
            seen[slot.index()] += 1;
        }
        assert_eq!(seen, [1; SLOTS]);
    }

    proptest! {
        #[test]
        fn no_number_from_86_up_is_defined(number in END..) {
            prop_assert!(!is_defined(number));
            prop_assert_eq!(Slot::of(number).index(), SLOTS - 1);
        }
    }
}
