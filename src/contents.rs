// SPDX-License-Identifier: GPL-2.0

//! What is in a snapshot: the counters of all CPUs, of all vCPUs, and of those that are gone.
//!
//! `rust/core/src/snapshot.rs` describes how it is written, `device` gives it to programs.

use super::{
    cpu,
    ffi,
    observer,
    reason::SLOTS,
    row::Row,
    snapshot::{
        Header,
        RowHead,
        Rows,
        Writer, //
    },
    tally::Tally, //
};

/// Writes a snapshot of `vm`, or of everything if that is 0, and returns how much it is.
pub(crate) fn write(vm: u64, buffer: &mut [u8]) -> usize {
    let clock = ffi::clock();
    let header = Header {
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
        ..Header::default()
    };
    let mut writer = Writer::new(buffer);
    writer.snapshot(header, |writer| {
        if vm == 0 {
            for cpu in cpu::possible() {
                writer.cpu(cpu, |rows| write_cpu(cpu, rows));
            }
        }
        observer::for_each(&mut |vcpu, rows| match vcpu {
            None if vm == 0 => writer.retired(|to| write_rows(rows, to)),
            Some(vcpu) if vm == 0 || vm == vcpu.who().0 => {
                writer.vcpu(&vcpu.head(), |to| write_rows(rows, to));
            }
            _ => (),
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

fn write_rows(rows: &[Row; SLOTS], to: &mut Rows<'_, '_>) {
    for (reason, row) in (0..).zip(rows).filter(|(_, row)| row.is_taken()) {
        // The histogram first: it never has more exits than the count then.
        let histogram = row.histogram();
        let head = RowHead {
            reason,
            ..row.head()
        };
        to.row(head, &histogram);
    }
}
