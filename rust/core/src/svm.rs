// SPDX-License-Identifier: GPL-2.0

//! SVM's exit codes (AMD APM vol. 2, appendix C), the counterpart of [`super::reason`] for VMX.
//!
//! The VMCB's field EXITCODE has 64 bits. All codes that the APM defines are small, or small
//! negative numbers. Their low 32 bits identify them, and older kernels keep only these:
//! `VMEXIT_INVALID`, -1, is `0xffff_ffff` here.

use core::fmt;

/// Stands for all codes that are not counted separately. Not a code itself.
pub const OTHER: u32 = 1 << 31;

/// Codes that differ only by the number of a register or vector.
#[derive(Clone, Copy, Debug)]
struct Numbered {
    first: u32,
    end: u32,
    before: &'static str,
    after: &'static str,
}

const NUMBERED: [Numbered; 6] = [
    numbered(0x00, 16, "CR", "_READ"),
    numbered(0x10, 16, "CR", "_WRITE"),
    numbered(0x20, 16, "DR", "_READ"),
    numbered(0x30, 16, "DR", "_WRITE"),
    numbered(0x40, 32, "EXCP", ""),
    numbered(0x90, 16, "CR", "_WRITE_TRAP"),
];

const fn numbered(first: u32, many: u32, before: &'static str, after: &'static str) -> Numbered {
    Numbered {
        first,
        end: first + many,
        before,
        after,
    }
}

/// All other codes, in ascending order.
const NAMED: [(u32, &str); 63] = [
    (0x60, "INTR"),
    (0x61, "NMI"),
    (0x62, "SMI"),
    (0x63, "INIT"),
    (0x64, "VINTR"),
    (0x65, "CR0_SEL_WRITE"),
    (0x66, "IDTR_READ"),
    (0x67, "GDTR_READ"),
    (0x68, "LDTR_READ"),
    (0x69, "TR_READ"),
    (0x6a, "IDTR_WRITE"),
    (0x6b, "GDTR_WRITE"),
    (0x6c, "LDTR_WRITE"),
    (0x6d, "TR_WRITE"),
    (0x6e, "RDTSC"),
    (0x6f, "RDPMC"),
    (0x70, "PUSHF"),
    (0x71, "POPF"),
    (0x72, "CPUID"),
    (0x73, "RSM"),
    (0x74, "IRET"),
    (0x75, "SWINT"),
    (0x76, "INVD"),
    (0x77, "PAUSE"),
    (0x78, "HLT"),
    (0x79, "INVLPG"),
    (0x7a, "INVLPGA"),
    (0x7b, "IOIO"),
    (0x7c, "MSR"),
    (0x7d, "TASK_SWITCH"),
    (0x7e, "FERR_FREEZE"),
    (0x7f, "SHUTDOWN"),
    (0x80, "VMRUN"),
    (0x81, "VMMCALL"),
    (0x82, "VMLOAD"),
    (0x83, "VMSAVE"),
    (0x84, "STGI"),
    (0x85, "CLGI"),
    (0x86, "SKINIT"),
    (0x87, "RDTSCP"),
    (0x88, "ICEBP"),
    (0x89, "WBINVD"),
    (0x8a, "MONITOR"),
    (0x8b, "MWAIT"),
    (0x8c, "MWAIT_CONDITIONAL"),
    (0x8d, "XSETBV"),
    (0x8e, "RDPRU"),
    (0x8f, "EFER_WRITE_TRAP"),
    (0xa0, "INVLPGB"),
    (0xa1, "INVLPGB_ILLEGAL"),
    (0xa2, "INVPCID"),
    (0xa3, "MCOMMIT"),
    (0xa4, "TLBSYNC"),
    (0xa5, "BUSLOCK"),
    (0xa6, "IDLE_HLT"),
    (0x400, "NPF"),
    (0x401, "AVIC_INCOMPLETE_IPI"),
    (0x402, "AVIC_NOACCEL"),
    (0x403, "VMGEXIT"),
    // The APM reserves this code for hypervisor software.
    (0xf000_0000, "SW"),
    (-3_i32 as u32, "IDLE_REQUIRED"),
    (-2_i32 as u32, "BUSY"),
    (-1_i32 as u32, "INVALID"),
];

/// The APM's name of a code without `VMEXIT_`: `CPUID`, `CR3_WRITE`, `EXCP14`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    before: &'static str,
    number: Option<u32>,
    after: &'static str,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.before)?;
        if let Some(number) = self.number {
            write!(f, "{number}")?;
        }
        f.write_str(self.after)
    }
}

/// Returns the name of a code, if the APM defines it.
#[must_use]
pub fn name(code: u32) -> Option<Name> {
    let of_row = |row: &Numbered| Name {
        before: row.before,
        number: Some(code - row.first),
        after: row.after,
    };
    let row = NUMBERED
        .iter()
        .find(|row| (row.first..row.end).contains(&code));
    row.map(of_row).or_else(|| {
        let at = NAMED.binary_search_by_key(&code, |&(code, _)| code).ok()?;
        Some(Name {
            before: NAMED[at].1,
            number: None,
            after: "",
        })
    })
}

/// Returns the code with this name, in capitals.
#[must_use]
pub fn code(name: &str) -> Option<u32> {
    let named = NAMED.iter().find(|&&(_, other)| other == name);
    named.map(|&(code, _)| code).or_else(|| {
        NUMBERED.iter().find_map(|row| {
            let number = name.strip_prefix(row.before)?.strip_suffix(row.after)?;
            // Only the canonical spelling: `parse` would accept a sign and leading zeros.
            let plain = number == "0" || number.starts_with(|c: char| ('1'..='9').contains(&c));
            let code = row
                .first
                .checked_add(number.parse().ok().filter(|_| plain)?)?;
            (code < row.end).then_some(code)
        })
    })
}

/// Returns all codes that the APM defines, in ascending order.
pub fn codes() -> impl Iterator<Item = u32> {
    let dense = (0..0xa0).filter(|&code| name(code).is_some());
    let others = NAMED.iter().map(|&(code, _)| code);
    dense.chain(others.filter(|&code| code >= 0xa0))
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::{collections::BTreeSet, string::ToString};

    /// The APM's codes as ranges, independent of the tables.
    const RANGES: [(u32, u32); 4] = [
        (0, 0xa6),
        (0x400, 0x403),
        (0xf000_0000, 0xf000_0000),
        (0xffff_fffd, 0xffff_ffff),
    ];

    #[test]
    fn there_are_exactly_the_apms_codes_in_order() {
        let expected = RANGES.iter().flat_map(|&(a, b)| a..=b);
        assert!(codes().eq(expected));
    }

    #[test]
    fn each_name_is_of_one_code_and_leads_back_to_it() {
        let mut seen = BTreeSet::new();
        for number in codes() {
            let name = name(number).unwrap().to_string();
            assert_eq!(code(&name), Some(number), "{name}");
            assert!(seen.insert(name.clone()), "{name}");
        }
    }

    /// Checks codes that a table shifted by one or more would name differently.
    #[test]
    fn well_known_codes_have_their_names() {
        for (number, expected) in [
            (0x04, "CR4_READ"),
            (0x13, "CR3_WRITE"),
            (0x37, "DR7_WRITE"),
            (0x4e, "EXCP14"),
            (0x5f, "EXCP31"),
            (0x60, "INTR"),
            (0x72, "CPUID"),
            (0x78, "HLT"),
            (0x7b, "IOIO"),
            (0x7c, "MSR"),
            (0x81, "VMMCALL"),
            (0x93, "CR3_WRITE_TRAP"),
            (0xa2, "INVPCID"),
            (0x400, "NPF"),
            (0x402, "AVIC_NOACCEL"),
            (u32::MAX, "INVALID"),
        ] {
            assert_eq!(name(number).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn what_is_no_name_has_no_code() {
        for word in [
            "",
            "CR",
            "CR16_READ",
            "CR01_READ",
            "CR+1_READ",
            "CR_READ",
            "DR16_WRITE",
            "EXCP",
            "EXCP32",
            "EXCP4294967295",
            "cpuid",
            "CPUIDS",
        ] {
            assert_eq!(code(word), None, "{word}");
        }
    }

    proptest! {
        #[test]
        fn a_code_has_a_name_if_it_is_in_a_range(number: u32) {
            let defined = RANGES.iter().any(|&(a, b)| (a..=b).contains(&number));
            prop_assert_eq!(name(number).is_some(), defined);
        }

        #[test]
        fn no_word_that_has_a_code_has_another_name(word in "[CDEX]{1,2}[RP]{0,1}[0-9]{0,3}(_READ|_WRITE)?") {
            if let Some(number) = code(&word) {
                prop_assert_eq!(name(number).unwrap().to_string(), word);
            }
        }
    }
}
