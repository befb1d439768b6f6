// SPDX-License-Identifier: GPL-2.0

//! `/sys/kernel/debug/kvm_exitstat/`: the counters as text, for root.

use super::{
    cpu,
    observer,
    reason::{
        self,
        Slot, //
    },
    tally::Tally,
    vcpu, //
};
use kernel::{
    debugfs::{
        Dir,
        File, //
    },
    fmt,
    prelude::*, //
};

/// The files; dropped, they are gone, and nobody reads them any more.
#[pin_data]
pub(crate) struct Files {
    #[pin]
    _totals: File<()>,
    #[pin]
    _vcpus: File<()>,
    _dir: Dir,
}

impl Files {
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        let dir = Dir::new(c"kvm_exitstat");
        try_pin_init!(Self {
            _totals <- dir.read_callback_file(c"totals", (), &totals),
            _vcpus <- dir.read_callback_file(c"vcpus", (), &vcpus),
            _dir: dir,
        })
    }
}

/// One line a reason: number, name, exits, cycles. Then `undefined`, exits with a number that the
/// SDM does not define, and `unattached`, vCPUs whose exits are in these totals only.
fn totals(_: &(), f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for r in &reason::REASONS {
        let tally = cpu::total(Slot::of(r.number));
        writeln!(
            f,
            "{} {} {} {}",
            r.number, r.name, tally.exits, tally.cycles
        )?;
    }
    let undefined: Tally = reason::undefined_slots().map(cpu::total).sum();
    writeln!(f, "undefined {} {}", undefined.exits, undefined.cycles)?;
    writeln!(f, "unattached {}", observer::unattached())
}

/// One line a vCPU: VM, vCPU, process id, exits, cycles, exits that user space finished and the
/// cycles it took, process name. Then `retired`, exits and cycles of the vCPUs that are gone.
fn vcpus(_: &(), f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut result = Ok(());
    observer::for_each_vcpu(&mut |v| {
        let (vm, vcpu, tgid) = v.who();
        let (all, user) = (v.grand_total(), v.user_total());
        result = result.and(f.write_fmt(fmt!(
            "{vm} {vcpu} {tgid} {} {} {} {} {}\n",
            all.exits,
            all.cycles,
            user.exits,
            user.cycles,
            v.process()
        )));
    });
    result?;
    let retired = vcpu::retired_total();
    writeln!(f, "retired {} {}", retired.exits, retired.cycles)
}
