// SPDX-License-Identifier: GPL-2.0

//! CPUID registers, as a guest's program reads them.

use exitstat_core::{
    leaf::{Answer, Leaf, Subject, UNDEFINED},
    reason::is_defined,
    tally::Tally,
};

/// A decoded answer encodes to the same registers. Only the four leaves are leaves.
pub fn run(data: &[u8]) {
    let Some((words, _)) = data.split_first_chunk::<24>() else {
        return;
    };
    let word = |i: usize| u32::from_le_bytes(std::array::from_fn(|byte| words[4 * i + byte]));
    let (eax, ecx) = (word(0), word(1));
    let answer = Answer {
        eax: word(2),
        ebx: word(3),
        ecx: word(4),
        edx: word(5),
    };

    match answer.decode() {
        None => assert_eq!(answer, UNDEFINED),
        Some(tally) => {
            assert_eq!(Leaf::Total.encode(tally), answer);
            assert_eq!(Leaf::Reason.encode(tally), answer);
            let time = Leaf::ReasonTime.encode(tally).decode();
            assert_eq!(time, Some(Tally { exits: 0, ..tally }));
        }
    }
    match Leaf::from_eax(eax) {
        None => assert!(!(0x4fff_fffc..=0x4fff_ffff).contains(&eax)),
        Some(leaf) => {
            assert_eq!(leaf.eax(), eax);
            let expected = match leaf {
                Leaf::Total | Leaf::TotalTime => Subject::Total,
                _ if is_defined(ecx) => Subject::Reason(ecx),
                _ => Subject::Undefined,
            };
            assert_eq!(leaf.subject(ecx), expected);
        }
    }
}
