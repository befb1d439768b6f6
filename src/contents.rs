// SPDX-License-Identifier: GPL-2.0

//! What is in a snapshot: the counters of all CPUs, of all vCPUs, and of those that are gone.
//!
//! `rust/core/src/snapshot.rs` describes how it is written, `capture` makes room for it.

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

/// Whose counters a snapshot has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// All there are.
    All,
    /// Those of vCPUs, and of those that are gone.
    Vcpus,
    /// Those of the vCPUs of one VM.
    Vm(u64),
}

/// Writes a snapshot, and returns its size, which may be larger than `buffer`.
///
/// With `details`, they are read before the counters that they are a part of.
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
        // These first: they never have more exits than the count then.
        let nested = vcpu.nested(slot);
        let histogram = vcpu.histogram(slot);
        let head = RowHead {
            reason,
            ..vcpu.head(slot)
        };
        to.row_with(head, &histogram, nested);
    }
}
