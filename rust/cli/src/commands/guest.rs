// SPDX-License-Identifier: GPL-2.0

//! `exitstat guest`: a guest's own exits, read through CPUID.

use crate::reason::Reason;
use crate::{
    cli::{GuestArgs, PrintArgs},
    error::Error,
    output::{self, Printer},
    source::cpuid::cpuid,
    view::View,
};
use exitstat_core::{
    leaf::{Answer, Leaf, INTERFACE, UNDEFINED},
    reason::REASONS,
    tally::Tally,
};

/// A reason that the SDM does not define. No other hypervisor reports it as undefined this way.
const NO_REASON: u32 = 35;

/// Runs the command.
///
/// # Errors
///
/// The leaves are unavailable, or the output cannot be written.
pub fn run(args: &GuestArgs) -> Result<(), Error> {
    let told = ask(cpuid)?;
    let view = View {
        generation: told.generation,
        ..View::of_guest(told.total, &told.reasons, &args.rows)
    };
    let print = PrintArgs {
        format: args.format,
        ..PrintArgs::default()
    };
    Printer::new(output::stdout(), &print).print(&view)
}

/// Counters reported by the host.
#[derive(Debug, PartialEq)]
struct Told {
    total: Tally,
    reasons: Vec<(Reason, Tally)>,
    /// Number that changes when the counters are reset. exitstat 0.2.0 does not report it.
    generation: Option<u32>,
}

/// Reads all counters, after checking that the host provides the leaves.
fn ask(cpuid: impl Fn(u32, u32) -> Option<Answer>) -> Result<Told, Error> {
    let leaf = |leaf: Leaf, ecx| cpuid(leaf.eax(), ecx);
    let generation = || cpuid(INTERFACE, 0).and_then(|answer| answer.generation());
    let began = generation();
    match leaf(Leaf::Reason, NO_REASON) {
        Some(UNDEFINED) => (),
        None => {
            return Err(Error::NoLeaves(
                "CPUID is unavailable: this is not an x86-64 CPU".to_owned(),
            ))
        }
        Some(Answer { eax, ebx, ecx, edx }) => {
            return Err(Error::NoLeaves(format!(
                "exitstat's CPUID leaves are unavailable: the probe of reason {NO_REASON} returned \
                 {eax:#010x} {ebx:#010x} {ecx:#010x} {edx:#010x}, not 0 0 0 0xffffffff.\n\
                 Either this is not a KVM guest on Intel VMX, or its host has not loaded kvm_exitstat \
                 or sets guest_scope=off.\n\
                 On the host itself, run 'exitstat' without 'guest'."
            )))
        }
    }
    let unanswered =
        || Error::NoLeaves("the CPUID leaves became unavailable during the read".to_owned());
    let mut reasons = Vec::new();
    for reason in &REASONS {
        let answer = leaf(Leaf::Reason, reason.number).and_then(Answer::decode);
        let tally = answer.ok_or_else(unanswered)?;
        if tally != Tally::default() {
            reasons.push((Reason::vmx(reason.number), tally));
        }
    }
    let total = leaf(Leaf::Total, 0).and_then(Answer::decode);
    // If the module was unloaded in the meantime, the answers came from another leaf.
    if leaf(Leaf::Reason, NO_REASON) != Some(UNDEFINED) {
        return Err(unanswered());
    }
    if generation() != began {
        return Err(Error::NoLeaves(
            "the host reset the counters during the read: run the command again".to_owned(),
        ));
    }
    Ok(Told {
        total: total.ok_or_else(unanswered)?,
        reasons,
        generation: began,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use exitstat_core::leaf::interface;
    use std::cell::Cell;

    fn host(eax: u32, ecx: u32) -> Option<Answer> {
        let leaf = Leaf::from_eax(eax)?;
        let tally = match (leaf, ecx) {
            (Leaf::Total, _) => (9, 1 << 40),
            (Leaf::Reason, 10) => (7, 70),
            (Leaf::Reason, 48) => (2, 5 << 32),
            (_, NO_REASON) => return Some(UNDEFINED),
            _ => (0, 0),
        };
        let (exits, cycles) = tally;
        Some(leaf.encode(Tally { exits, cycles }))
    }

    #[test]
    fn what_the_host_tells_is_what_is_shown() {
        let told = ask(host).unwrap();
        assert_eq!((told.total.exits, told.total.cycles), (9, 1 << 40));
        let of = |number, exits, cycles| (Reason::vmx(number), Tally { exits, cycles });
        assert_eq!(told.reasons, [of(10, 7, 70), of(48, 2, 5 << 32)]);
        assert_eq!(told.generation, None);
    }

    #[test]
    fn a_generation_is_told_and_one_that_changes_is_an_error() {
        let asked = Cell::new(0);
        let told = |changes| {
            asked.set(0);
            ask(|eax, ecx| match eax {
                INTERFACE => {
                    asked.set(asked.get() + changes);
                    Some(interface(77 + asked.get()))
                }
                _ => host(eax, ecx),
            })
        };
        assert_eq!(told(0).unwrap().generation, Some(77));
        assert_eq!(told(1).unwrap_err().status(), 4);
        // An unknown signature.
        let other = ask(|eax, ecx| match eax {
            INTERFACE => host(Leaf::Reason.eax(), 10),
            _ => host(eax, ecx),
        });
        assert_eq!(other.unwrap().generation, None);
    }

    #[test]
    fn no_other_answer_is_taken_for_live() {
        // An unpatched KVM, other hypervisors, and one that returns zeros.
        for register in 0..4 {
            let mut words = [0, 0, 0, u32::MAX];
            words[register] ^= 1;
            let [eax, ebx, ecx, edx] = words;
            let answer = Answer { eax, ebx, ecx, edx };
            let error = ask(|_, _| Some(answer)).unwrap_err();
            assert_eq!(error.status(), 4, "{error}");
        }
        assert_eq!(ask(|_, _| None).unwrap_err().status(), 4);
    }

    #[test]
    fn a_host_that_stops_answering_is_not_believed() {
        let asked = Cell::new(0);
        let until = |end| {
            asked.set(0);
            ask(|eax, ecx| {
                asked.set(asked.get() + 1);
                let answer = Answer {
                    eax: 7,
                    ebx: 0,
                    ecx: 0,
                    edx: 0,
                };
                match asked.get() <= end {
                    true => host(eax, ecx),
                    false => Some(answer),
                }
            })
        };
        assert!(until(u32::MAX).is_ok());
        for end in 0..asked.get() - 1 {
            assert!(until(end).is_err(), "{end}");
        }
    }
}
