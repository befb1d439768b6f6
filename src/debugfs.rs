// SPDX-License-Identifier: GPL-2.0

//! `/sys/kernel/debug/kvm_exitstat/`: the counters as text, for root.

use super::{
    cpu,
    ffi,
    log,
    observer,
    reason::{
        self,
        Slot, //
    },
    row::Row,
    tally::Tally, //
};
use kernel::{
    debugfs::{
        Dir,
        File, //
    },
    fmt,
    prelude::*,
    uaccess::UserSliceReader, //
};

/// The files; dropped, they are gone, and nobody reads them any more.
#[pin_data]
pub(crate) struct Files {
    #[pin]
    _cpus: File<()>,
    #[pin]
    _info: File<()>,
    #[pin]
    _log: File<()>,
    #[pin]
    _reasons: File<()>,
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
            _cpus <- dir.read_callback_file(c"cpus", (), &cpus),
            _info <- dir.read_callback_file(c"info", (), &info),
            _log <- dir.write_callback_file(c"log", (), &log_now),
            _reasons <- dir.read_callback_file(c"reasons", (), &reasons),
            _totals <- dir.read_callback_file(c"totals", (), &totals),
            _vcpus <- dir.read_callback_file(c"vcpus", (), &vcpus),
            _dir: dir,
        })
    }
}

/// What a reason is called, also if it is none.
fn name(number: u32) -> &'static str {
    let mut all = reason::REASONS.iter();
    all.find(|r| r.number == number)
        .map_or("undefined", |r| r.name)
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

/// One line for each CPU and reason that was taken there: CPU, number, name, exits, cycles.
fn cpus(_: &(), f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for cpu in cpu::possible() {
        for (number, tally) in (0..).zip(cpu::tallies(cpu)) {
            if tally.exits != 0 {
                let Tally { exits, cycles } = tally;
                writeln!(f, "{cpu} {number} {} {exits} {cycles}", name(number))?;
            }
        }
    }
    Ok(())
}

/// One line a vCPU: VM, vCPU, process id, exits, cycles, exits that user space finished and the
/// cycles it took, process name. Before them `retired`, exits and cycles of the vCPUs that are gone.
fn vcpus(_: &(), f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut result = Ok(());
    observer::for_each(&mut |vcpu, rows| {
        let all: Tally = rows.iter().map(Row::exits).sum();
        let user: Tally = rows.iter().map(Row::user).sum();
        let line = match vcpu {
            None => f.write_fmt(fmt!("retired {} {}\n", all.exits, all.cycles)),
            Some(vcpu) => {
                let (vm, number, tgid) = vcpu.who();
                f.write_fmt(fmt!(
                    "{vm} {number} {tgid} {} {} {} {} {}\n",
                    all.exits,
                    all.cycles,
                    user.exits,
                    user.cycles,
                    vcpu.process()
                ))
            }
        };
        result = result.and(line);
    });
    result
}

/// One line for each vCPU and reason that it took: VM, vCPU, number, name, exits, cycles, cycles of
/// the longest, exits that user space finished, cycles it took, and the histogram: `B:N` for N exits
/// that took 2^B cycles or more, and less than 2^(B+1). With `retired -` for VM and vCPU those of
/// the vCPUs that are gone.
fn reasons(_: &(), f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut result = Ok(());
    observer::for_each(&mut |vcpu, rows| {
        for (number, row) in (0..).zip(rows).filter(|(_, row)| row.is_taken()) {
            let head = row.head();
            let owner = match vcpu {
                None => f.write_str("retired -"),
                Some(vcpu) => {
                    let (vm, vcpu, _) = vcpu.who();
                    f.write_fmt(fmt!("{vm} {vcpu}"))
                }
            };
            let line = owner.and_then(|()| {
                f.write_fmt(fmt!(
                    " {number} {} {} {} {} {} {}",
                    name(number),
                    head.exits,
                    head.cycles,
                    head.max,
                    head.user_exits,
                    head.user_cycles
                ))
            });
            let buckets = row.histogram().into_iter().enumerate();
            let line = buckets
                .filter(|&(_, exits)| exits != 0)
                .fold(line, |r, (b, n)| {
                    r.and_then(|()| f.write_fmt(fmt!(" {b}:{n}")))
                });
            result = result.and(line).and_then(|()| f.write_str("\n"));
        }
    });
    result
}

/// Name and value, one a line.
fn info(_: &(), f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_fmt(fmt!("version {}\n", ffi::until_nul(&ffi::version())))?;
    let clock = ffi::clock();
    writeln!(f, "load {}", ffi::load_id())?;
    writeln!(f, "tsc {}", clock.tsc)?;
    writeln!(f, "tsc_khz {}", clock.tsc_khz)?;
    writeln!(f, "guest_scope {}", ffi::guest_scope().name())?;
    writeln!(f, "log_every {}", ffi::log_every())?;
    writeln!(f, "log_cpuid {}", u32::from(ffi::log_cpuid()))?;
    writeln!(f, "unattached {}", observer::unattached())
}

/// Whatever is written: the table goes to the kernel's log, now.
fn log_now(_: &(), _: &mut UserSliceReader) -> Result {
    log::print_table();
    Ok(())
}
