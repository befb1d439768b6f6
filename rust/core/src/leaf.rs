// SPDX-License-Identifier: GPL-2.0

//! The CPUID leaves 0x4FFFFFFB to 0x4FFFFFFF: questions of guests and their answers.
//!
//! | leaf | `%eax` | `%ebx` | `%ecx` | `%edx` |
//! |---|---|---|---|---|
//! | 0x4FFFFFFF total | exits, low | cycles, high | cycles, low | exits, high |
//! | 0x4FFFFFFE total time | 0 | cycles, high | cycles, low | 0 |
//! | 0x4FFFFFFD reason `%ecx` | exits, low | cycles, high | cycles, low | exits, high |
//! | 0x4FFFFFFC reason `%ecx`, time | 0 | cycles, high | cycles, low | 0 |
//! | D or C, reason not in the SDM | 0 | 0 | 0 | 0xFFFFFFFF |
//! | 0x4FFFFFFB interface | its version | `exit` | `stat` | generation |

use super::reason;
use super::tally::Tally;

/// The four registers that CPUID writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// `%eax`.
    pub eax: u32,
    /// `%ebx`.
    pub ebx: u32,
    /// `%ecx`.
    pub ecx: u32,
    /// `%edx`.
    pub edx: u32,
}

/// Answer for a reason that the SDM does not define. No tally looks like it: that would be one of
/// 2^64 - 2^32 exits that took no time.
pub const UNDEFINED: Answer = Answer {
    eax: 0,
    ebx: 0,
    ecx: 0,
    edx: u32::MAX,
};

/// Leaf that identifies exitstat, in addition to the four.
pub const INTERFACE: u32 = 0x4fff_fffb;

/// Version of the leaves. It changes if a reader of this version would misread the new one.
pub const INTERFACE_VERSION: u32 = 1;

/// `exit` and `stat` in `%ebx` and `%ecx`, which nobody else returns.
pub const SIGNATURE: [u32; 2] = [u32::from_le_bytes(*b"exit"), u32::from_le_bytes(*b"stat")];

/// Returns the answer for the interface leaf. The generation changes when the guest's counters
/// restart, because the module was reloaded or the guest migrated from another host.
#[must_use]
pub const fn interface(generation: u32) -> Answer {
    Answer {
        eax: INTERFACE_VERSION,
        ebx: SIGNATURE[0],
        ecx: SIGNATURE[1],
        edx: generation,
    }
}

/// One of the four leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// 0x4FFFFFFC: cycles of one reason.
    ReasonTime,
    /// 0x4FFFFFFD: exits and cycles of one reason.
    Reason,
    /// 0x4FFFFFFE: cycles of all reasons.
    TotalTime,
    /// 0x4FFFFFFF: exits and cycles of all reasons.
    Total,
}

impl Leaf {
    /// All four, in ascending order.
    pub const ALL: [Self; 4] = [Self::ReasonTime, Self::Reason, Self::TotalTime, Self::Total];

    /// Returns the leaf selected by `%eax`, if it is one of the four.
    #[must_use]
    pub const fn from_eax(eax: u32) -> Option<Self> {
        match eax {
            0x4fff_fffc => Some(Self::ReasonTime),
            0x4fff_fffd => Some(Self::Reason),
            0x4fff_fffe => Some(Self::TotalTime),
            0x4fff_ffff => Some(Self::Total),
            _ => None,
        }
    }

    /// Returns the leaf's number, for `%eax`.
    #[must_use]
    pub const fn eax(self) -> u32 {
        match self {
            Self::ReasonTime => 0x4fff_fffc,
            Self::Reason => 0x4fff_fffd,
            Self::TotalTime => 0x4fff_fffe,
            Self::Total => 0x4fff_ffff,
        }
    }

    /// Returns the subject of the leaf for a given `%ecx`.
    #[must_use]
    pub const fn subject(self, ecx: u32) -> Subject {
        match self {
            Self::Total | Self::TotalTime => Subject::Total,
            Self::Reason | Self::ReasonTime if reason::is_defined(ecx) => Subject::Reason(ecx),
            Self::Reason | Self::ReasonTime => Subject::Undefined,
        }
    }

    /// Returns the answer that carries `tally`.
    #[must_use]
    pub const fn encode(self, tally: Tally) -> Answer {
        let with_exits = matches!(self, Self::Total | Self::Reason);
        let exits = if with_exits { tally.exits } else { 0 };
        Answer {
            eax: exits as u32,
            ebx: (tally.cycles >> 32) as u32,
            ecx: tally.cycles as u32,
            edx: (exits >> 32) as u32,
        }
    }
}

/// The subject of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// All exits.
    Total,
    /// Exits of one reason that the SDM defines.
    Reason(u32),
    /// A reason that the SDM does not define.
    Undefined,
}

impl Answer {
    /// Returns the generation, if this is an answer for the interface leaf in a known version.
    #[must_use]
    pub fn generation(&self) -> Option<u32> {
        (*self == interface(self.edx)).then_some(self.edx)
    }

    /// Returns the tally in an answer, or `None` if the answer says that the reason is undefined.
    /// For the two leaves that report time only, the exits are 0.
    #[must_use]
    pub fn decode(self) -> Option<Tally> {
        if self == UNDEFINED {
            return None;
        }
        Some(Tally {
            exits: pair(self.edx, self.eax),
            cycles: pair(self.ebx, self.ecx),
        })
    }
}

const fn pair(high: u32, low: u32) -> u64 {
    ((high as u64) << 32) | low as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_four_leaves_and_no_others_are_leaves() {
        for leaf in Leaf::ALL {
            assert_eq!(Leaf::from_eax(leaf.eax()), Some(leaf));
        }
        let numbers = Leaf::ALL.map(Leaf::eax);
        assert_eq!(
            numbers,
            [0x4fff_fffc, 0x4fff_fffd, 0x4fff_fffe, 0x4fff_ffff]
        );
        for eax in [
            0,
            1,
            0x4000_0000,
            0x4fff_fffb,
            0x5000_0000,
            0x8000_0000,
            u32::MAX,
        ] {
            assert_eq!(Leaf::from_eax(eax), None, "{eax:#x}");
        }
    }

    #[test]
    fn registers_are_where_the_table_says() {
        let tally = Tally {
            exits: 0x1111_1111_2222_2222,
            cycles: 0x3333_3333_4444_4444,
        };
        for leaf in [Leaf::Total, Leaf::Reason] {
            let a = leaf.encode(tally);
            assert_eq!((a.eax, a.edx), (0x2222_2222, 0x1111_1111));
            assert_eq!((a.ebx, a.ecx), (0x3333_3333, 0x4444_4444));
        }
        for leaf in [Leaf::TotalTime, Leaf::ReasonTime] {
            let a = leaf.encode(tally);
            assert_eq!((a.eax, a.edx), (0, 0));
            assert_eq!((a.ebx, a.ecx), (0x3333_3333, 0x4444_4444));
        }
    }

    #[test]
    fn every_class_of_ecx_has_its_subject() {
        let mut numbers: Vec<u32> = (0..=65536).collect();
        numbers.extend((0..32).flat_map(|bit| {
            let power = 1u32 << bit;
            [power - 1, power, power + 1]
        }));
        numbers.extend([u32::MAX - 1, u32::MAX]);
        for ecx in numbers {
            let subject = if reason::is_defined(ecx) {
                Subject::Reason(ecx)
            } else {
                Subject::Undefined
            };
            assert_eq!(Leaf::Reason.subject(ecx), subject);
            assert_eq!(Leaf::ReasonTime.subject(ecx), subject);
            assert_eq!(Leaf::Total.subject(ecx), Subject::Total);
            assert_eq!(Leaf::TotalTime.subject(ecx), Subject::Total);
        }
    }

    extern crate std;
    use std::vec::Vec;

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(exits: u64, cycles: u64) {
            let tally = Tally { exits, cycles };
            prop_assume!(Leaf::Total.encode(tally) != UNDEFINED);
            prop_assert_eq!(Leaf::Total.encode(tally).decode(), Some(tally));
            prop_assert_eq!(Leaf::Reason.encode(tally).decode(), Some(tally));
            let time = Some(Tally { exits: 0, cycles });
            prop_assert_eq!(Leaf::TotalTime.encode(tally).decode(), time);
            prop_assert_eq!(Leaf::ReasonTime.encode(tally).decode(), time);
        }

        #[test]
        fn what_is_decoded_is_encoded(eax: u32, ebx: u32, ecx: u32, edx: u32) {
            let answer = Answer { eax, ebx, ecx, edx };
            if let Some(tally) = answer.decode() {
                prop_assert_eq!(Leaf::Total.encode(tally), answer);
            }
        }

        #[test]
        fn any_ecx_from_86_up_is_undefined(ecx in 86u32..) {
            prop_assert_eq!(Leaf::Reason.subject(ecx), Subject::Undefined);
        }
    }

    #[test]
    fn the_undefined_answer_is_decoded_as_such() {
        assert_eq!(UNDEFINED.decode(), None);
    }
}
