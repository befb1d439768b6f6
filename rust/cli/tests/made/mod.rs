// SPDX-License-Identifier: GPL-2.0

//! A realistic recording of any length: two VMs boot, one continues to work, one is shut down.

#![allow(dead_code)]

use crate::common::{marked as with_marks, Host};

/// Exits for a reason: its number, the bucket with most exits, exits per second during the VM's boot and
/// afterwards, and the percentage that userspace finishes.
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

/// Duration of a VM's boot in seconds.
const BOOT: u64 = 8;

/// Start and end of VM 2.
const SECOND: (u64, u64) = (10, 32);

/// Adds a second of a vCPU's exits.
fn live(host: &mut Host, (vm, vcpu): (u64, u32), age: u64) {
    for (reason, middle, boot, work, user) in REASONS {
        // Varies a little, differently for each vCPU.
        let swing = 80 + (age * 37 + u64::from(vcpu) * 11 + u64::from(reason) * 7) % 40;
        let rate = if age < BOOT { boot } else { work };
        let new = rate * swing / 100 / (u64::from(vcpu) + 1);
        // A sixteenth is slightly shorter, a quarter longer, a sixteenth very long.
        let (few, some) = (new / 16, new / 4);
        let most = new - 2 * few - some;
        let user = new * user / 100;
        for (bucket, exits, user) in [
            (middle - 1, few, 0),
            (middle, most, user),
            (middle + 1, some, 0),
            (middle + 5, few, 0),
        ] {
            if exits != 0 {
                let id = (vcpu % 2, vm, vcpu);
                host.exits(id, reason, exits, (3 << bucket) / 2, user);
            }
        }
    }
}

/// Returns a recording of this many seconds, with a snapshot per second.
pub fn recorded(seconds: u64) -> Vec<u8> {
    marked(seconds, &[])
}

/// Like [`recorded`], with marks at seconds.
pub fn marked(seconds: u64, marks: &[(usize, &str)]) -> Vec<u8> {
    with_marks(&snapshots(seconds, |_| ()), marks)
}

/// Like [`recorded`], with details.
pub fn detailed(seconds: u64) -> Vec<u8> {
    let details = |host: &mut Host| {
        host.about((1, 0), (32, 0x6e0, 0), 200, 700, 0);
        host.about((1, 1), (30, 0x03f8_0000, 0), 100, 3000, 100);
    };
    with_marks(&snapshots(seconds, details), &[])
}

fn snapshots(seconds: u64, also: impl Fn(&mut Host)) -> Vec<Vec<u8>> {
    let mut host = Host::new(1);
    // A name that a process may choose.
    host.process = *b"qe\"mu\\-system-x8";
    let second = |second: u64| {
        for vcpu in 0..2 {
            live(&mut host, (1, vcpu), second);
        }
        if (SECOND.0..SECOND.1).contains(&second) {
            live(&mut host, (2, 0), second - SECOND.0);
        } else {
            host.end(2);
        }
        also(&mut host);
        host.snapshot(second * 1000)
    };
    (0..seconds).map(second).collect()
}
