// SPDX-License-Identifier: GPL-2.0

//! `/sys/kernel/debug/kvm_exitstat/`: the counters as text, for root.

use super::{
    capture::Capture,
    contents::What,
    cpu,
    ffi,
    observer,
    reason::{
        self,
        Slot, //
    },
    snapshot::{
        Owner,
        Record,
        RowHead,
        Snapshot,
        VcpuHead, //
    },
    tally::Tally, //
};
use kernel::{
    fmt,
    prelude::*, //
};

/// The text of a file.
pub(crate) struct Text(pub(crate) ffi::exitstat_text);

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ffi::exitstat_text_EXITSTAT_TEXT_CPUS => cpus(f),
            ffi::exitstat_text_EXITSTAT_TEXT_DETAILS => details(f),
            ffi::exitstat_text_EXITSTAT_TEXT_INFO => info(f),
            ffi::exitstat_text_EXITSTAT_TEXT_REASONS => reasons(f),
            ffi::exitstat_text_EXITSTAT_TEXT_TOTALS => totals(f),
            ffi::exitstat_text_EXITSTAT_TEXT_VCPUS => vcpus(f),
            _ => Err(fmt::Error),
        }
    }
}

/// Returns the name of a reason, or `undefined`.
fn name(number: u32) -> &'static str {
    let mut all = reason::REASONS.iter();
    all.find(|r| r.number == number)
        .map_or("undefined", |r| r.name)
}

/// Writes one line per reason: number, name, exits, cycles. Two lines follow: `undefined`, exits
/// with a number that the SDM does not define, and `unattached`, vCPUs whose exits are in these
/// totals only.
fn totals(f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

/// Writes one line per CPU and reason taken there: CPU, number, name, exits, cycles.
fn cpus(f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

/// Writes one line per vCPU: VM, vCPU, process ID, exits, cycles, exits that userspace finished,
/// cycles in userspace, process name. The first line, `retired`, has the exits and cycles of
/// retired vCPUs.
fn vcpus(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for_each_record(|record| {
        let mut sum = RowHead::default();
        for row in record.rows().flatten() {
            sum.exits = sum.exits.wrapping_add(row.head.exits);
            sum.cycles = sum.cycles.wrapping_add(row.head.cycles);
            sum.user_exits = sum.user_exits.wrapping_add(row.head.user_exits);
            sum.user_cycles = sum.user_cycles.wrapping_add(row.head.user_cycles);
        }
        match record.owner {
            Owner::Vcpu(who) => f.write_fmt(fmt!(
                "{} {} {} {} {} {} {} {}\n",
                who.vm,
                who.vcpu,
                who.pid,
                sum.exits,
                sum.cycles,
                sum.user_exits,
                sum.user_cycles,
                ffi::until_nul(&who.process)
            )),
            _ => writeln!(f, "retired {} {}", sum.exits, sum.cycles),
        }
    })
}

/// Writes one line per vCPU and reason it took: VM, vCPU, number, name, exits, cycles, cycles of
/// the longest exit, exits that userspace finished, cycles in userspace, exits from nested guests,
/// those reflected to the guest hypervisor, and the histogram. The histogram is `B:N` for N exits
/// in bucket B, as in `rust/core/src/snapshot.rs`. Lines of retired vCPUs have `retired -` for VM
/// and vCPU.
fn reasons(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for_each_record(|record| {
        for row in record.rows().flatten() {
            let vcpu = match record.owner {
                Owner::Vcpu(who) => Some(who),
                _ => None,
            };
            whose(f, vcpu)?;
            let head = row.head;
            write!(
                f,
                " {} {} {} {} {} {} {} {} {}",
                head.reason,
                name(head.reason),
                head.exits,
                head.cycles,
                head.max,
                head.user_exits,
                head.user_cycles,
                row.nested.nested,
                row.nested.reflected
            )?;
            for (bucket, exits) in row.histogram().into_iter().enumerate() {
                if exits != 0 {
                    write!(f, " {bucket}:{exits}")?;
                }
            }
            f.write_str("\n")?;
        }
        Ok(())
    })
}

/// Writes the first two columns: VM and vCPU, or `retired -`.
fn whose(f: &mut fmt::Formatter<'_>, vcpu: Option<VcpuHead>) -> fmt::Result {
    match vcpu {
        Some(who) => write!(f, "{} {}", who.vm, who.vcpu),
        None => f.write_str("retired -"),
    }
}

/// Calls `f` for the retired vCPUs, and for each live one.
fn for_each_record(mut f: impl FnMut(Record<'_>) -> fmt::Result) -> fmt::Result {
    with_snapshot(false, |snapshot| {
        snapshot.records().flatten().try_for_each(&mut f)
    })
}

/// Calls `f` with a copy of the vCPUs' counters. Formatting may take long, and starts over when a
/// reader's buffer is too small.
fn with_snapshot(
    details: bool,
    f: impl FnOnce(Snapshot<'_>) -> fmt::Result, //
) -> fmt::Result {
    let Ok(capture) = Capture::take(What::Vcpus, details, u64::MAX) else {
        return Err(fmt::Error);
    };
    f(Snapshot::parse(capture.bytes()).map_err(|_| fmt::Error)?)
}

/// Writes one line per vCPU and distinct detail of its exits: VM, vCPU, number, name, key,
/// instruction pointer and context (in hexadecimal), exits, cycles, cycles of the longest exit,
/// exits that userspace finished, cycles in userspace. Lines of retired vCPUs have `retired -` for
/// VM and vCPU.
///
/// As with the device, only readers with CAP_PERFMON see details.
fn details(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if !ffi::may_see_details() {
        return Ok(());
    }
    with_snapshot(true, |snapshot| {
        for details in snapshot.details().flatten() {
            for (id, counts) in details.rows().flatten() {
                whose(f, details.vcpu)?;
                writeln!(
                    f,
                    " {} {} {:x} {:x} {:x} {} {} {} {} {}",
                    id.reason,
                    name(id.reason),
                    id.key,
                    id.ip,
                    id.context,
                    counts.exits,
                    counts.cycles,
                    counts.longest,
                    counts.user_exits,
                    counts.user_cycles
                )?;
            }
        }
        Ok(())
    })
}

/// Writes one name and value per line.
fn info(f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
