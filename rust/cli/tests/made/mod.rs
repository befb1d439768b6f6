// SPDX-License-Identifier: GPL-2.0

//! Recordings as they could be, for tests: two VMs boot, one works on, one is shut down.

#![allow(dead_code)]

use exitstat_cli::source::recording::{End, Metadata, Recorder};
use exitstat_core::snapshot::{Header, RowHead, VcpuHead, Writer, BUCKETS};
use std::{collections::BTreeMap, fs, path::Path};

/// Of all recordings here.
pub const TSC_KHZ: u32 = 2_500_000;

/// A reason's exits: its number, the bucket that most exits are in, exits a second while the VM
/// boots and after that, and how many in a hundred user space finishes.
const REASONS: [(u32, u32, u64, u64, u64); 11] = [
    (1, 11, 250, 260, 0),
    (7, 10, 300, 40, 0),
    (10, 10, 420, 6, 0),
    (12, 12, 200, 900, 0),
    (28, 11, 160, 0, 0),
    (30, 13, 2600, 30, 80),
    (31, 11, 90, 2, 0),
    (32, 10, 700, 1900, 0),
    (48, 14, 3200, 12, 0),
    (49, 13, 380, 520, 3),
    (52, 9, 240, 310, 0),
];

type Counts = BTreeMap<u32, (RowHead, [u64; BUCKETS])>;

/// Seconds that VM 1 boots, and VM 2 after it has been started.
const BOOT: u64 = 8;
/// When VM 2 is started, and when it is gone.
const SECOND: (u64, u64) = (10, 32);

/// Adds a second of a vCPU's life.
fn live(counts: &mut Counts, age: u64, vcpu: u64) {
    for (reason, middle, boot, work, user) in REASONS {
        // Up and down a bit, and each vCPU in its own way.
        let swing = 100 + (age * 37 + vcpu * 11 + u64::from(reason) * 7) % 40 - 20;
        let rate = if age < BOOT { boot } else { work };
        let new = rate * swing / 100 / (vcpu + 1);
        let (row, histogram) = counts
            .entry(reason)
            .or_insert((RowHead::default(), [0; BUCKETS]));
        row.reason = reason;
        // 1/16, 10/16, 4/16 and 1/16, of less than a bucket's width above its beginning.
        let (few, some) = (new / 16, new / 4);
        let most = new - 2 * few - some;
        for (bucket, exits) in [
            (middle - 1, few),
            (middle, most),
            (middle + 1, some),
            (middle + 5, few),
        ] {
            histogram[bucket as usize] += exits;
            row.cycles += exits * (3 << bucket) / 2;
            if exits != 0 {
                row.max = row.max.max((7 << bucket) / 4);
            }
        }
        row.exits += new;
        row.user_exits += new * user / 100;
        row.user_cycles += new * user / 100 * 60_000;
    }
}

fn add(to: &mut Counts, from: &Counts) {
    for (reason, (row, histogram)) in from {
        let (sum, sums) = to
            .entry(*reason)
            .or_insert((RowHead::default(), [0; BUCKETS]));
        sum.reason = *reason;
        sum.exits += row.exits;
        sum.cycles += row.cycles;
        sum.max = sum.max.max(row.max);
        sum.user_exits += row.user_exits;
        sum.user_cycles += row.user_cycles;
        for (a, b) in sums.iter_mut().zip(histogram) {
            *a += b;
        }
    }
}

fn snapshot(second: u64, vcpus: &BTreeMap<(u64, u32), Counts>, retired: &Counts) -> Vec<u8> {
    let header = Header {
        load: 1,
        tsc: second * u64::from(TSC_KHZ) * 1000,
        realtime: (1_800_000_000 + second) * 1_000_000_000,
        tsc_khz: TSC_KHZ,
        cpus: 2,
        module_version: *b"0.1.0\0\0\0\0\0\0\0\0\0\0\0",
        ..Header::default()
    };
    let mut host = retired.clone();
    vcpus.values().for_each(|counts| add(&mut host, counts));
    let write = |writer: &mut Writer<'_>| {
        writer.snapshot(header, |writer| {
            writer.cpu(0, |rows| {
                for (row, _) in host.values() {
                    let row = RowHead {
                        reason: row.reason,
                        exits: row.exits,
                        cycles: row.cycles,
                        ..RowHead::default()
                    };
                    rows.row(row, &[]);
                }
            });
            for ((vm, vcpu), counts) in vcpus {
                let head = VcpuHead {
                    vm: *vm,
                    vcpu: *vcpu,
                    pid: 4000 + *vm as u32,
                    // As a process may call itself.
                    process: *b"qe\"mu\\-system-x8",
                };
                writer.vcpu(&head, |rows| {
                    for (row, histogram) in counts.values() {
                        rows.row(*row, histogram);
                    }
                });
            }
            writer.retired(|rows| {
                for (row, histogram) in retired.values() {
                    rows.row(*row, histogram);
                }
            });
        });
    };
    let mut counting = Writer::new(&mut []);
    write(&mut counting);
    let mut bytes = vec![0; counting.needed()];
    write(&mut Writer::new(&mut bytes));
    bytes
}

/// Snapshots of so many seconds, one a second.
pub fn snapshots(seconds: u64) -> Vec<Vec<u8>> {
    let mut vcpus = BTreeMap::<(u64, u32), Counts>::new();
    let mut retired = Counts::new();
    (0..seconds)
        .map(|second| {
            for vcpu in 0..2 {
                live(vcpus.entry((1, vcpu)).or_default(), second, vcpu.into());
            }
            if (SECOND.0..SECOND.1).contains(&second) {
                live(vcpus.entry((2, 0)).or_default(), second - SECOND.0, 0);
            } else if let Some(counts) = vcpus.remove(&(2, 0)) {
                add(&mut retired, &counts);
            }
            snapshot(second, &vcpus, &retired)
        })
        .collect()
}

/// Writes a recording of so many seconds.
pub fn recording(path: &Path, seconds: u64) {
    let metadata = Metadata {
        schema: 1,
        exitstat: "0.1.0".to_owned(),
        started: "2027-01-15T08:00:00Z".to_owned(),
        interval_ns: 1_000_000_000,
        ..Metadata::default()
    };
    let mut recorder = Recorder::new(Vec::new(), &metadata).unwrap();
    for snapshot in snapshots(seconds) {
        recorder.snapshot(&snapshot).unwrap();
    }
    fs::write(path, recorder.end(&End::default()).unwrap()).unwrap();
}
