// SPDX-License-Identifier: GPL-2.0

//! The answers to the CPUID leaves. The questions come from guests, out of any of their rings.

use super::{
    cpu,
    ffi::Scope,
    leaf::{
        self,
        Answer,
        Leaf,
        Subject, //
    },
    nospec,
    reason::{
        Slot,
        END, //
    },
    tally::Tally,
    vcpu::Vcpu, //
};

/// One CPUID of a guest.
pub(crate) trait Asked {
    /// The basic reason of the exit that is open for it, if one is.
    fn open_reason(&self) -> Option<u32>;

    /// The sum of `of` over the vCPUs of the guest.
    fn sum_over_vcpus(&self, of: &dyn Fn(&Vcpu) -> Tally) -> Tally;
}

/// Answers a leaf about the exits of the guest itself or of the host.
///
/// The open exit is counted where the guest will find it once it is over, though not yet in time:
/// so two readings in a row differ by one.
pub(crate) fn answer(
    asked: &impl Asked,
    scope: Scope,
    eax: u32,
    ecx: u32, //
) -> Option<Answer> {
    let leaf = Leaf::from_eax(eax)?;
    let subject = leaf.subject(ecx);

    let (tally, open) = match subject {
        Subject::Undefined if scope != Scope::Off => return Some(leaf::UNDEFINED),
        Subject::Reason(number) => {
            let slot = Slot::of(nospec::clamp(number, END));
            let open = asked.open_reason() == Some(number);
            let tally = match scope {
                Scope::Vm => asked.sum_over_vcpus(&|vcpu| vcpu.total(slot)),
                Scope::Host => cpu::total(slot),
                Scope::Off => return None,
            };
            (tally, open)
        }
        Subject::Total => {
            let tally = match scope {
                Scope::Vm => asked.sum_over_vcpus(&Vcpu::grand_total),
                Scope::Host => cpu::grand_total(),
                Scope::Off => return None,
            };
            (tally, asked.open_reason().is_some())
        }
        Subject::Undefined => return None,
    };

    let open = Tally {
        exits: open.into(),
        cycles: 0,
    };
    Some(leaf.encode(tally.plus(open)))
}
