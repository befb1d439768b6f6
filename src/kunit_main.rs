// SPDX-License-Identifier: GPL-2.0

//! `kvm_exitstat_kunit`: the KUnit suites of `kvm_exitstat`, which are beside the code they test.
//!
//! A separate module built from the same files: in the product, the suites would run at each load
//! and taint the kernel. It registers no observer, and has its own counters.

// Much of this code is used only by its tests.
#![allow(dead_code)]

use kernel::prelude::*;

#[allow(unreachable_pub)]
#[path = "../rust/core/src/detail.rs"]
mod detail;
#[allow(unreachable_pub)]
#[path = "../rust/core/src/footprint.rs"]
mod footprint;
#[allow(unreachable_pub)]
#[path = "../rust/core/src/isa.rs"]
mod isa;
#[allow(unreachable_pub)]
#[path = "../rust/core/src/leaf.rs"]
mod leaf;
#[allow(unreachable_pub)]
#[path = "../rust/core/src/reason.rs"]
mod reason;
#[allow(unreachable_pub)]
#[path = "../rust/core/src/slow.rs"]
mod slow;
#[allow(unreachable_pub)]
#[path = "../rust/core/src/snapshot.rs"]
mod snapshot;
#[allow(unreachable_pub)]
#[path = "../rust/core/src/tally.rs"]
mod tally;

mod column;
mod cpu;
mod ffi;
mod leaves;
mod log;
mod nospec;
mod vcpu;

module! {
    type: Suites,
    name: "kvm_exitstat_kunit",
    authors: ["The exitstat developers"],
    description: "KUnit suites of kvm_exitstat",
    license: "GPL",
}

/// An empty module: KUnit finds the suites in a section of it.
struct Suites;

impl kernel::Module for Suites {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Self)
    }
}
