// SPDX-License-Identifier: GPL-2.0

//! The module's files, as they are, but for those that are of the kernel.

// As in `src/exitstat_main.rs`, and compiled along with their users, as there.
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
// The bench reads everything at once.
#[allow(dead_code)]
#[path = "../../../src/contents.rs"]
pub(crate) mod contents;
#[path = "../../../src/cpu.rs"]
mod cpu;
// Our C side is not what bindgen makes.
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

/// Nobody asks for the log here.
mod log {
    pub(crate) fn answered(_eax: u32, _ecx: u32, _answer: &super::leaf::Answer) {}
}
