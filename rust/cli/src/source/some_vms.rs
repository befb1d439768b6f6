// SPDX-License-Identifier: GPL-2.0

//! Snapshots reduced to some of the host's VMs.
//!
//! A reduced snapshot has no CPUs, because they count the exits of all VMs. Its retired vCPUs are those of
//! the chosen VMs. Readers therefore find a VM's last exits as in whole snapshots (`model/ended.rs`), and
//! other VMs cannot add to them.

use crate::model::{Counters, Longest, Reasons, Sample};
use exitstat_core::{
    histogram::bucket_last,
    snapshot::{Header, Malformed, NestedTail, Owner, RowHead, Rows, Snapshot, Writer},
};
use std::collections::BTreeSet;

/// Counters of the chosen VMs' ended vCPUs, from the snapshots so far.
#[derive(Debug, Default)]
pub struct Retired {
    sum: Reasons,
    /// Whether the last snapshot lacks last exits, because chosen and other VMs ended together.
    is_incomplete: bool,
}

impl Retired {
    /// Adds the vCPUs of the chosen VMs that ended between two whole snapshots.
    pub fn add(&mut self, before: &Sample, after: &Sample, chosen: &BTreeSet<u64>) {
        self.is_incomplete = false;
        if before.header.load != after.header.load {
            self.sum = Reasons::default();
            return;
        }
        let (before, after) = (&before.counts, &after.counts);
        let ended = after.ended_since(before);
        let mut chosen_ones = ended.iter().filter(|id| chosen.contains(&id.0)).peekable();
        if chosen_ones.peek().is_none() {
            return;
        }
        for vcpu in chosen_ones.filter_map(|id| before.vcpus.get(id)) {
            self.sum.add(&vcpu.reasons);
        }
        let last_exits = after.last_exits(before, &ended);
        if before.of_one_vm || after.of_one_vm {
            self.is_incomplete = true;
        } else if ended.iter().all(|id| chosen.contains(&id.0)) {
            for (reason, counters) in last_exits.iter() {
                let longest = longest(counters, after.retired.get(reason));
                let counters = Counters {
                    max: Some(longest),
                    ..counters.clone()
                };
                self.sum.count(reason, counters);
            }
        } else {
            self.is_incomplete = last_exits.iter().next().is_some();
        }
    }

    /// Reduces a whole snapshot to the chosen VMs.
    ///
    /// # Errors
    ///
    /// The snapshot is damaged.
    pub fn reduce(&self, bytes: &[u8], chosen: &BTreeSet<u64>) -> Result<Vec<u8>, Malformed> {
        let snapshot = Snapshot::parse(bytes)?;
        let mut counting = Writer::new(&mut []);
        self.write(&mut counting, &snapshot, chosen)?;
        let mut reduced = vec![0; counting.needed()];
        self.write(&mut Writer::new(&mut reduced), &snapshot, chosen)?;
        Ok(reduced)
    }

    fn write(
        &self,
        writer: &mut Writer<'_>,
        snapshot: &Snapshot<'_>,
        chosen: &BTreeSet<u64>,
    ) -> Result<(), Malformed> {
        // The reduced snapshot omits details.
        let header = Header {
            version: 0,
            detail: 0,
            ..snapshot.header
        };
        let mut result = Ok(());
        writer.snapshot(header, |writer| {
            result = vcpus(writer, snapshot, chosen);
            // Without this record, readers know that last exits are missing in this interval and the next.
            if !self.is_incomplete {
                writer.retired(|rows| self.sum.iter().for_each(|one| retired(rows, one)));
            }
        });
        result
    }
}

/// Copies the records of the chosen VMs' vCPUs.
fn vcpus(
    writer: &mut Writer<'_>,
    snapshot: &Snapshot<'_>,
    chosen: &BTreeSet<u64>,
) -> Result<(), Malformed> {
    for record in snapshot.records() {
        let record = record?;
        let Owner::Vcpu(head) = record.owner else {
            continue;
        };
        if !chosen.contains(&head.vm) {
            continue;
        }
        let rows: Vec<_> = record.rows().collect::<Result<_, _>>()?;
        writer.vcpu(&head, |all| {
            for row in &rows {
                all.row_with(row.head, &row.histogram(), row.nested);
            }
        });
    }
    Ok(())
}

fn retired(rows: &mut Rows<'_, '_>, (reason, counters): (crate::reason::Reason, &Counters)) {
    let head = RowHead {
        reason: reason.number,
        exits: counters.exits,
        cycles: counters.cycles,
        max: counters.max.unwrap_or(0),
        user_exits: counters.user_exits,
        user_cycles: counters.user_cycles,
        ..RowHead::default()
    };
    let nested = NestedTail {
        nested: counters.nested,
        reflected: counters.reflected,
    };
    rows.row_with(head, &counters.histogram.buckets(), nested);
}

/// Returns an upper bound of the longest of the last exits: the bound of its bucket, or the longest exit of
/// all retired vCPUs.
fn longest(last_exits: &Counters, retired: Option<&Counters>) -> u64 {
    let bound = match last_exits.longest() {
        None => 0,
        Some(Longest::Exactly(cycles)) => cycles,
        Some(Longest::InBucket(bucket)) => bucket_last(bucket),
    };
    retired
        .and_then(|retired| retired.max)
        .map_or(bound, |max| bound.min(max))
}
