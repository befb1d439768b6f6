// SPDX-License-Identifier: GPL-2.0

//! The module's files, unchanged, except those specific to the kernel.

// As in `src/exitstat_main.rs`, and compiled along with their users, as there.
#[allow(dead_code, unreachable_pub)]
#[path = "../../core/src/detail.rs"]
mod detail;
#[allow(dead_code, unreachable_pub)]
#[path = "../../core/src/footprint.rs"]
mod footprint;
#[allow(dead_code, unreachable_pub)]
#[path = "../../core/src/isa.rs"]
mod isa;
#[allow(dead_code, unreachable_pub)]
#[path = "../../core/src/leaf.rs"]
mod leaf;
#[allow(dead_code, unreachable_pub)]
#[path = "../../core/src/reason.rs"]
mod reason;
#[allow(dead_code, unreachable_pub)]
#[path = "../../core/src/snapshot.rs"]
mod snapshot;
#[allow(dead_code, unreachable_pub)]
#[path = "../../core/src/tally.rs"]
mod tally;

#[path = "../../../src/column.rs"]
mod column;
// The benchmark reads everything at once.
#[allow(dead_code)]
#[path = "../../../src/contents.rs"]
pub(crate) mod contents;
#[path = "../../../src/cpu.rs"]
mod cpu;
// The C side here does not come from bindgen.
#[allow(dead_code, unfulfilled_lint_expectations)]
#[path = "../../../src/ffi.rs"]
mod ffi;
#[path = "../../../src/leaves.rs"]
mod leaves;
#[path = "../../../src/nospec.rs"]
mod nospec;
#[path = "../../../src/observer.rs"]
pub(crate) mod observer;
#[allow(dead_code)]
#[path = "../../../src/vcpu.rs"]
mod vcpu;

/// Details are not captured here: `src/details.rs` needs the kernel's locks and memory.
mod details {
    use super::{
        detail::{Counts, Identity},
        reason::Slot,
        snapshot::SlowRow,
        vcpu::Vcpu,
    };

    pub(crate) fn record(_vcpu: &Vcpu, _slot: Slot, _cycles: u64) {}

    pub(crate) fn record_user_exit(_vcpu: &Vcpu, _slot: Slot, _cycles: u64) {}

    pub(crate) fn record_user_time(_vcpu: &Vcpu, _user_cycles: u64, _cycles: u64) {}

    pub(crate) fn retire(_vcpu: &Vcpu) {}

    pub(crate) fn of(_vcpu: &Vcpu) -> impl Iterator<Item = (Identity, Counts)> {
        core::iter::empty()
    }

    pub(crate) fn for_each_retired(_f: &mut dyn FnMut(Identity, Counts)) {}

    pub(crate) fn slow_of(_vcpu: &Vcpu) -> impl Iterator<Item = SlowRow> {
        core::iter::empty()
    }

    pub(crate) fn for_each_slow_retired(_f: &mut dyn FnMut(&SlowRow)) {}
}

/// Nobody asks for the log here.
mod log {
    pub(crate) fn answered(_eax: u32, _ecx: u32, _answer: &super::leaf::Answer) {}
}
