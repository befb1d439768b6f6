// SPDX-License-Identifier: GPL-2.0

//! The contents of a snapshot: counters of all CPUs, of all vCPUs, and of retired vCPUs.
//!
//! `rust/core/src/snapshot.rs` describes the format; `capture` allocates the buffer.

use super::{
    cpu,
    details,
    ffi,
    observer::{
        self,
        Kind, //
    },
    reason::Slot,
    snapshot::{
        Header,
        RowHead,
        Rows,
        Writer,
        VERSION,
        VERSION_DETAILS, //
    },
    tally::Tally,
    vcpu::Vcpu, //
};

/// The counters to include in a snapshot.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// All counters.
    All,
    /// Counters of vCPUs, live and retired.
    Vcpus,
    /// Counters of one VM's vCPUs.
    Vm(u64),
}

/// Writes a snapshot and returns its size, which may exceed `buffer`.
///
/// Details, if requested, are read before the counters that include them.
pub(crate) fn write(what: What, details: bool, buffer: &mut [u8]) -> usize {
    let clock = ffi::clock();
    let header = Header {
        version: if details { VERSION_DETAILS } else { VERSION },
        load: ffi::load_id(),
        tsc: clock.tsc,
        realtime: clock.realtime,
        tsc_khz: clock.tsc_khz,
        cpus: cpu::possible().count() as u32,
        unattached: observer::unattached(),
        log_every: ffi::log_every(),
        guest_scope: ffi::guest_scope() as u32,
        log_cpuid: ffi::log_cpuid().into(),
        module_version: ffi::version(),
        detail: ffi::detail(),
        ..Header::default()
    };
    let mut writer = Writer::new(buffer);
    writer.snapshot(header, |writer| {
        if what == What::All {
            for cpu in cpu::possible() {
                writer.cpu(cpu, |rows| write_cpu(cpu, rows));
            }
        }
        observer::for_each(&mut |kind, vcpu| match (kind, what) {
            (Kind::Retired, What::Vm(_)) => (),
            (Kind::Retired, _) => {
                if details {
                    writer.retired_details(|rows| {
                        details::for_each_retired(&mut |id, counts| rows.detail(id, counts));
                    });
                    writer.slow(|rows| {
                        details::for_each_slow_retired(&mut |exit| rows.slow(exit));
                    });
                }
                writer.retired(|rows| write_vcpu(vcpu, rows));
            }
            (Kind::Live, What::Vm(vm)) if vm != vcpu.who().vm => (),
            (Kind::Live, _) => {
                let who = vcpu.who();
                if details {
                    writer.details(&who, |rows| {
                        details::of(vcpu).for_each(|(id, counts)| rows.detail(id, counts));
                    });
                    writer.slow(|rows| details::slow_of(vcpu).for_each(|exit| rows.slow(&exit)));
                }
                writer.vcpu(&who, |rows| write_vcpu(vcpu, rows));
            }
        });
    });
    writer.needed()
}

fn write_cpu(cpu: u32, to: &mut Rows<'_, '_>) {
    for (reason, tally) in (0..).zip(cpu::tallies(cpu)) {
        let Tally { exits, cycles } = tally;
        let head = RowHead {
            reason,
            exits,
            cycles,
            ..RowHead::default()
        };
        to.row(head, &[]);
    }
}

fn write_vcpu(vcpu: &Vcpu, to: &mut Rows<'_, '_>) {
    for (reason, slot) in (0..).zip(Slot::all()) {
        // Most reasons are never taken.
        if !vcpu.is_taken(slot) {
            continue;
        }
        // Read these first, so that they never exceed the count.
        let nested = vcpu.nested(slot);
        let histogram = vcpu.histogram(slot);
        let head = RowHead {
            reason,
            ..vcpu.head(slot)
        };
        to.row_with(head, &histogram, nested);
    }
}
