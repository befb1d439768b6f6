// SPDX-License-Identifier: GPL-2.0

//! `kvm_exitstat`: counts VM exits by basic exit reason and answers CPUID leaves with the counts.
//!
//! KVM calls `observer` for each exit, each CPUID of a leaf, and each vCPU that goes. `observer`
//! records into `cpu` (per CPU, for the whole host) and `vcpu` (per vCPU), which keep a `column` of
//! counters of each kind, and on request into `details`. `leaves` reads them for guests. For the
//! host, `contents` copies them into snapshots in buffers from `capture`. `device` hands snapshots
//! out, `debugfs` formats them as text, and `files` has the files that call both. `log` prints the
//! host's totals.
//!
//! Logic that needs no kernel is in `rust/core`. All `unsafe` is in `ffi`, `column`, `cpu`,
//! `details`, `vcpu`, `nospec`, and in the callbacks from C: `observer`, `files`, `log`. Tests
//! beside the code are compiled into a separate module, see `kunit_main`.

use kernel::prelude::*;

// `rust/core`: items are public there, and the module does not use all of them.
#[allow(dead_code, unreachable_pub)]
#[path = "../rust/core/src/detail.rs"]
mod detail;
#[allow(dead_code, unreachable_pub)]
#[path = "../rust/core/src/footprint.rs"]
mod footprint;
#[allow(dead_code, unreachable_pub)]
#[path = "../rust/core/src/isa.rs"]
mod isa;
#[allow(dead_code, unreachable_pub)]
#[path = "../rust/core/src/leaf.rs"]
mod leaf;
#[allow(dead_code, unreachable_pub)]
#[path = "../rust/core/src/reason.rs"]
mod reason;
#[allow(dead_code, unreachable_pub)]
#[path = "../rust/core/src/slow.rs"]
mod slow;
#[allow(dead_code, unreachable_pub)]
#[path = "../rust/core/src/snapshot.rs"]
mod snapshot;
#[allow(dead_code, unreachable_pub)]
#[path = "../rust/core/src/tally.rs"]
mod tally;

mod capture;
mod column;
mod contents;
mod cpu;
mod debugfs;
mod details;
mod device;
mod ffi;
mod files;
mod leaves;
mod log;
mod nospec;
mod observer;
mod vcpu;

module! {
    type: ExitStat,
    name: "kvm_exitstat",
    authors: ["The exitstat developers"],
    description: "VM exit counts and cycles by reason, for hosts and through CPUID for guests",
    license: "GPL",
}

/// The loaded module.
///
/// Fields are dropped in this order: readers of the counters go before their writer.
struct ExitStat {
    _files: files::Registration,
    _ticker: log::Ticker,
    _capturing: details::Capturing,
    _registration: observer::Registration,
}

impl kernel::Module for ExitStat {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        details::init();
        let registration = observer::Registration::new()?;
        let capturing = details::Capturing::start();
        let ticker = log::Ticker::start();
        Ok(Self {
            _files: files::Registration::new()?,
            _ticker: ticker,
            _capturing: capturing,
            _registration: registration,
        })
    }
}
