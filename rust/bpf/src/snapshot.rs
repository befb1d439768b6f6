// SPDX-License-Identifier: GPL-2.0

//! Snapshots of the programs' counters.

use crate::{
    counter::Counter,
    error::Error,
    layout::{Detail, BUCKETS, INDEXES, SLOTS},
    names::Names,
};
use exitstat_core::{
    isa::Isa,
    snapshot::{
        Header, RowHead, Rows, VcpuHead, Writer, BEYOND, FIRST_BUCKET, FLAG_COUNTS_ONLY,
        FLAG_OFF_CPU, SOURCE_BPF,
    },
    svm,
};
use rustix::time::{clock_gettime, ClockId};
use std::{
    sync::atomic::{fence, AtomicU32, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

/// How long a snapshot waits for a moment in which no vCPU retires.
const PATIENCE: Duration = Duration::from_secs(5);

impl Counter {
    /// Takes a snapshot of all counters, or those of one process's vCPUs.
    ///
    /// # Errors
    ///
    /// Fails if vCPUs keep retiring for seconds.
    pub fn snapshot(&mut self, vm: Option<u64>) -> Result<&[u8], Error> {
        let mut names = std::mem::take(&mut self.names);
        // Start with the size of the last one, which is rarely too small.
        let mut buffer = std::mem::take(&mut self.buffer);
        let length = self.whole_snapshot(vm, &mut names, &mut buffer);
        names.forget_the_gone();
        (self.names, self.buffer) = (names, buffer);
        Ok(&self.buffer[..length?])
    }

    fn whole_snapshot(
        &self,
        vm: Option<u64>,
        names: &mut Names,
        buffer: &mut Vec<u8>,
    ) -> Result<usize, Error> {
        let host = &self.host[0];
        let begin = Instant::now();
        loop {
            if begin.elapsed() > PATIENCE {
                return Err(Error::Busy);
            }
            // While a vCPU retires, its counts are briefly both in its row and in the retired ones.
            let before = host.retired.load(Ordering::Acquire);
            if host.retirals.load(Ordering::Acquire) == before {
                let mut writer = Writer::new(buffer);
                self.write(&mut writer, vm, names);
                let needed = writer.needed();
                fence(Ordering::Acquire);
                if host.retirals.load(Ordering::Relaxed) != before {
                    continue;
                }
                if needed <= buffer.len() {
                    return Ok(needed);
                }
                buffer.resize(needed + needed / 4, 0);
            } else {
                thread::yield_now();
            }
        }
    }

    fn write(&self, writer: &mut Writer<'_>, vm: Option<u64>, names: &mut Names) {
        let ns = |clock| {
            let time = clock_gettime(clock);
            time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
        };
        let host = &self.host[0];
        let flag = |set: bool, flag: u32| if set { flag } else { 0 };
        let header = Header {
            load: self.about.load,
            tsc: ns(ClockId::Monotonic),
            realtime: ns(ClockId::Realtime),
            // One cycle is one nanosecond.
            tsc_khz: 1_000_000,
            cpus: self.cpus.len() as u32,
            unattached: host.unattached.load(Ordering::Relaxed),
            isa: self.about.isa as u32,
            source: SOURCE_BPF,
            flags: flag(self.about.counts_only, FLAG_COUNTS_ONLY)
                | flag(self.about.off_cpu, FLAG_OFF_CPU),
            ..Header::default()
        };
        writer.snapshot(header, |writer| {
            if vm.is_none() {
                for (number, cpu) in (0..).zip(self.cpus.iter()) {
                    writer.cpu(number, |rows| {
                        for (index, tally) in (0..).zip(&cpu.tallies) {
                            let head = RowHead {
                                reason: self.reason(index),
                                exits: tally.exits.load(Ordering::Relaxed),
                                cycles: tally.ns.load(Ordering::Relaxed),
                                ..RowHead::default()
                            };
                            rows.row(head, &[]);
                        }
                    });
                }
            }
            for vcpu in self.vcpus.iter() {
                let live = vcpu.live.load(Ordering::Acquire) != 0;
                let pid = vcpu.pid.load(Ordering::Relaxed);
                if live && vm.is_none_or(|vm| vm == pid.into()) {
                    // The ID of the VM's process serves as the VM's ID.
                    let head = VcpuHead {
                        vm: pid.into(),
                        vcpu: vcpu.id.load(Ordering::Relaxed),
                        pid,
                        process: names.of(pid),
                    };
                    writer.vcpu(&head, |rows| {
                        self.details(rows, &vcpu.details);
                    });
                }
            }
            if vm.is_none() {
                writer.retired(|rows| self.details(rows, &host.details));
            }
        });
    }

    fn details(&self, rows: &mut Rows<'_, '_>, details: &[Detail; SLOTS]) {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        // The last slot has no owner: it is shared by all reasons without a slot.
        for (detail, owner) in details.iter().zip(&self.host[0].owners) {
            let exits = detail.exits.load(Ordering::Acquire);
            if exits == 0 {
                continue;
            }
            let mut histogram = [0; FIRST_BUCKET + BUCKETS];
            for (to, from) in histogram[FIRST_BUCKET..].iter_mut().zip(&detail.histogram) {
                *to = of(from);
            }
            let head = RowHead {
                reason: self.reason_of(owner),
                exits,
                cycles: of(&detail.ns),
                max: of(&detail.max),
                user_exits: of(&detail.user_exits),
                user_cycles: of(&detail.user_ns),
                ..RowHead::default()
            };
            rows.row(head, &histogram);
        }
    }

    /// Returns the reason that owns a slot with counts. The owner was set before the counts.
    fn reason_of(&self, owner: &AtomicU32) -> u32 {
        let index = owner.load(Ordering::Relaxed).checked_sub(1);
        index.map_or(self.other(), |index| self.reason(index))
    }

    /// Returns the number that stands for all reasons without their own.
    fn other(&self) -> u32 {
        match self.about.isa {
            Isa::Vmx => BEYOND,
            Isa::Svm => svm::OTHER,
        }
    }

    /// Returns the reason of an index, the inverse of `index_of()` in `program/exits.bpf.c`.
    fn reason(&self, index: u32) -> u32 {
        match (self.about.isa, index) {
            (Isa::Vmx, reason) if reason < BEYOND => reason,
            (Isa::Svm, code @ 0..0xa8) => code,
            (Isa::Svm, 0xb0..0xc0) => 0x400 + (index - 0xb0),
            (Isa::Svm, 0xc0) => 0xf000_0000,
            (Isa::Svm, 0xd0..0xd8) => !(index - 0xd0),
            _ => self.other(),
        }
    }
}

const _: () = assert!(INDEXES < 1 << 8);
