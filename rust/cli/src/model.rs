// SPDX-License-Identifier: GPL-2.0

//! Counters of snapshots, and their sums and differences.
//!
//! All arithmetic wraps, like the counters themselves.

mod ended;
pub mod scope;
mod seen;

pub use ended::Unknown;
pub use scope::{Scope, VcpuId, Whose};
pub use seen::Seen;

use crate::{
    detail::Details,
    reason::Reason,
    vm::{identity::Identity, text::printable},
};
use exitstat_core::{
    histogram,
    snapshot::{Header, Malformed, Owner, Row, Snapshot, BUCKETS},
    tally::Tally,
};
use std::{collections::BTreeMap, iter, sync::Arc};

/// A histogram. It stores only the buckets from the first to the last nonzero one: a large host has
/// tens of thousands of histograms.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    first: usize,
    exits: Vec<u64>,
}

impl Histogram {
    /// Returns all buckets.
    #[must_use]
    pub fn buckets(&self) -> [u64; BUCKETS] {
        let mut all = [0; BUCKETS];
        for (bucket, &exits) in all.iter_mut().skip(self.first).zip(&self.exits) {
            *bucket = exits;
        }
        all
    }

    /// Returns whether all buckets are zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.last().is_none()
    }

    /// Returns the index of the last nonzero bucket.
    fn last(&self) -> Option<usize> {
        let last = self.exits.iter().rposition(|&exits| exits != 0)?;
        Some(self.first + last)
    }

    /// Combines each bucket with the other histogram's. `operation` must be the identity when its second
    /// argument is 0.
    fn combine(&mut self, other: &Self, operation: impl Fn(u64, u64) -> u64) {
        if other.exits.is_empty() {
            return;
        }
        if self.exits.is_empty() {
            self.first = other.first;
        }
        let missing = self.first.saturating_sub(other.first);
        self.exits.splice(0..0, iter::repeat_n(0, missing));
        self.first -= missing;
        let offset = other.first - self.first;
        let length = self.exits.len().max(offset + other.exits.len());
        self.exits.resize(length, 0);
        for (a, b) in self.exits.iter_mut().skip(offset).zip(&other.exits) {
            *a = operation(*a, *b);
        }
    }
}

impl From<[u64; BUCKETS]> for Histogram {
    fn from(all: [u64; BUCKETS]) -> Self {
        let first = all.iter().position(|&exits| exits != 0).unwrap_or(0);
        let end = all.iter().rposition(|&exits| exits != 0);
        let end = end.map_or(first, |last| last + 1);
        Self {
            first,
            exits: all[first..end].to_vec(),
        }
    }
}

impl PartialEq for Histogram {
    fn eq(&self, other: &Self) -> bool {
        self.buckets() == other.buckets()
    }
}

impl Eq for Histogram {}

/// Counters of one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Number of exits.
    pub exits: u64,
    /// TSC cycles in the kernel.
    pub cycles: u64,
    /// Cycles of the longest exit. `None` in a difference, because the longest exit may predate it.
    pub max: Option<u64>,
    /// Exits that userspace had to finish.
    pub user_exits: u64,
    /// TSC cycles of wall time in userspace.
    pub user_cycles: u64,
    /// Exits taken while a nested guest ran.
    pub nested: u64,
    /// Nested exits that were reflected to the guest's own hypervisor.
    pub reflected: u64,
    /// Exits by cycles, in log2 buckets.
    pub histogram: Histogram,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            exits: 0,
            cycles: 0,
            max: Some(0),
            user_exits: 0,
            user_cycles: 0,
            nested: 0,
            reflected: 0,
            histogram: Histogram::default(),
        }
    }
}

/// The longest exit in cycles, as precisely as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Longest {
    /// Its exact cycles.
    Exactly(u64),
    /// Its histogram bucket.
    InBucket(u32),
}

impl Longest {
    /// Returns a lower bound, as a sort key.
    #[must_use]
    pub fn at_least(self) -> u64 {
        match self {
            Self::Exactly(cycles) => cycles,
            Self::InBucket(bucket) => histogram::bucket_begin(bucket),
        }
    }
}

impl Counters {
    /// Reads the counters of a snapshot's row.
    #[must_use]
    pub fn of(row: &Row<'_>) -> Self {
        Self {
            exits: row.head.exits,
            cycles: row.head.cycles,
            max: Some(row.head.max),
            user_exits: row.head.user_exits,
            user_cycles: row.head.user_cycles,
            nested: row.nested.nested,
            reflected: row.nested.reflected,
            histogram: match row.head.buckets {
                0 => Histogram::default(),
                _ => row.histogram().into(),
            },
        }
    }

    /// Returns exits and cycles.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally {
            exits: self.exits,
            cycles: self.cycles,
        }
    }

    /// Adds other counters.
    pub fn add(&mut self, other: &Self) {
        self.combine(other, u64::wrapping_add);
        self.max = self.max.zip(other.max).map(|(a, b)| a.max(b));
    }

    /// Subtracts earlier counters.
    pub fn subtract(&mut self, before: &Self) {
        self.combine(before, u64::wrapping_sub);
        self.max = None;
    }

    fn combine(&mut self, other: &Self, operation: impl Fn(u64, u64) -> u64) {
        self.exits = operation(self.exits, other.exits);
        self.cycles = operation(self.cycles, other.cycles);
        self.user_exits = operation(self.user_exits, other.user_exits);
        self.user_cycles = operation(self.user_cycles, other.user_cycles);
        self.nested = operation(self.nested, other.nested);
        self.reflected = operation(self.reflected, other.reflected);
        self.histogram.combine(&other.histogram, operation);
    }

    /// Returns whether nothing was counted.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.exits == 0 && self.cycles == 0 && self.user_exits == 0 && self.user_cycles == 0
    }

    /// Returns an upper bound of the cycles that `percent` of the exits took: see
    /// [`histogram::percentile`]. The bound does not exceed the longest exit, if that is known.
    #[must_use]
    pub fn percentile(&self, percent: u32) -> Option<u64> {
        let buckets = self.histogram.buckets();
        // The snapshot may catch an exit in the sum but not yet in the histogram, or, in a difference, the
        // other way round. The number of exits usually reveals this. The cycles also include the time KVM
        // spends completing exits that userspace finished, which the histogram omits; the sum is then at
        // least that of the histogram's exits.
        let in_histogram = buckets.iter().try_fold(0u64, |sum, &n| sum.checked_add(n));
        let cycles = (in_histogram == Some(self.exits)).then_some(self.cycles);
        let bound = histogram::percentile(&buckets, percent, cycles)?;
        Some(self.max.map_or(bound, |max| bound.min(max)))
    }

    /// Returns a VM's own exits per exit reflected from its nested guests. Applies to the total of all
    /// reasons only.
    #[must_use]
    pub fn own_per_reflected(&self) -> Option<f64> {
        let own = self.exits.saturating_sub(self.nested);
        (self.reflected != 0).then(|| own as f64 / self.reflected as f64)
    }

    /// Returns the longest exit, as precisely as it is known.
    #[must_use]
    pub fn longest(&self) -> Option<Longest> {
        match (self.max, self.histogram.last()) {
            (_, None) => None,
            (Some(max), Some(_)) => Some(Longest::Exactly(max)),
            (None, Some(bucket)) => Some(Longest::InBucket(bucket as u32)),
        }
    }
}

/// Counters by reason. Reasons without counters are absent.
///
/// There are few, and snapshots mostly list them in order: a sorted vector takes half the memory of a map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasons(Vec<(Reason, Counters)>);

impl Reasons {
    /// Iterates over the reasons with counters, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, &Counters)> {
        self.0.iter().map(|(reason, counters)| (*reason, counters))
    }

    /// Returns the counters of a reason.
    #[must_use]
    pub fn get(&self, reason: Reason) -> Option<&Counters> {
        let at = self.find(reason).ok()?;
        Some(&self.0[at].1)
    }

    /// Returns a reason's index, or the index to insert it at.
    fn find(&self, reason: Reason) -> Result<usize, usize> {
        self.0.binary_search_by_key(&reason, |(reason, _)| *reason)
    }

    /// Returns the counters of a reason, inserting zeros if it has none.
    fn of(&mut self, reason: Reason) -> &mut Counters {
        let at = self.find(reason).unwrap_or_else(|at| {
            self.0.insert(at, (reason, Counters::default()));
            at
        });
        &mut self.0[at].1
    }

    /// Adds to the counters of a reason.
    pub fn count(&mut self, reason: Reason, counters: Counters) {
        match self.find(reason) {
            Ok(at) => self.0[at].1.add(&counters),
            Err(at) => self.0.insert(at, (reason, counters)),
        }
    }

    /// Adds other counters.
    pub fn add(&mut self, others: &Self) {
        for (reason, counters) in others.iter() {
            self.of(reason).add(counters);
        }
    }

    /// Subtracts earlier counters.
    pub fn subtract(&mut self, before: &Self) {
        for (reason, counters) in before.iter() {
            self.of(reason).subtract(counters);
        }
        // New reasons lose their longest exit too, for consistency with the others.
        for (_, counters) in &mut self.0 {
            counters.max = None;
        }
        self.0.retain(|(_, counters)| !counters.is_zero());
    }

    /// Returns whether some counter went backwards since `before`. (Counters wrap at 2^64, after
    /// centuries.)
    fn began_anew(&self, before: &Self) -> bool {
        let less = |(reason, before): (Reason, &Counters)| {
            let now = self.get(reason).map_or(0, |now| now.exits);
            now.wrapping_sub(before.exits) > u64::MAX / 2
        };
        before.iter().any(less)
    }

    /// Returns the total of all reasons.
    #[must_use]
    pub fn total(&self) -> Counters {
        let mut total = Counters::default();
        for (_, counters) in self.iter() {
            total.add(counters);
        }
        total
    }
}

impl<'a> std::iter::Sum<&'a Self> for Reasons {
    fn sum<I: Iterator<Item = &'a Self>>(all: I) -> Self {
        let mut sum = Self::default();
        for reasons in all {
            sum.add(reasons);
        }
        sum
    }
}

/// A vCPU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vcpu {
    /// PID of the process that runs it.
    pub pid: u32,
    /// Name of that process.
    pub process: String,
    /// Identity of its VM, if it is known.
    pub identity: Option<Arc<Identity>>,
    /// Its counters.
    pub reasons: Reasons,
}

impl Vcpu {
    /// Returns this vCPU with zero counters.
    fn without_exits(&self) -> Self {
        Self {
            reasons: Reasons::default(),
            ..self.clone()
        }
    }
}

/// All counters, by CPU and vCPU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// CPUs of the host, which count exits and cycles only.
    pub cpus: BTreeMap<u32, Reasons>,
    /// vCPUs. In a period, also vCPUs that ended in it. These include their last exits if only one ended at
    /// a time.
    pub vcpus: BTreeMap<VcpuId, Vcpu>,
    /// In a period: last exits of vCPUs that ended together, by VM.
    pub ended: BTreeMap<u64, Reasons>,
    /// In a period: vCPUs that ended with unknown last exits.
    pub unknown: BTreeMap<VcpuId, Unknown>,
    /// Total of the vCPUs that ended. In a period, only the part that cannot be attributed to a VM.
    pub retired: Reasons,
    /// Whether it has only the vCPUs of one VM, without CPUs and ended vCPUs.
    pub of_one_vm: bool,
}

/// Figures of one reason, or of all reasons together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Exits and cycles. Host totals are summed from per-CPU counters.
    pub tally: Tally,
    /// vCPU counters; `None` for a CPU. Host totals include ended vCPUs. Exits and cycles may differ from
    /// `tally` by exits taken during the snapshot and by vCPUs whose counters could not be allocated.
    pub detail: Option<Counters>,
}

impl Line {
    /// Returns the average cycles per exit.
    #[must_use]
    pub fn average(&self) -> Option<f64> {
        (self.tally.exits != 0).then(|| self.tally.cycles as f64 / self.tally.exits as f64)
    }

    /// Returns the cycles in the kernel and in userspace; `None` for a CPU.
    #[must_use]
    pub fn time(&self) -> Option<u64> {
        let user_cycles = self.detail.as_ref()?.user_cycles;
        Some(self.tally.cycles.wrapping_add(user_cycles))
    }

    /// Returns the share of exits that userspace had to finish, from 0 to 1.
    #[must_use]
    pub fn user_share(&self) -> Option<f64> {
        let detail = self.detail.as_ref()?;
        (detail.exits != 0).then(|| detail.user_exits as f64 / detail.exits as f64)
    }
}

impl Counts {
    fn of(snapshot: &Snapshot<'_>) -> Result<Self, Malformed> {
        let mut counts = Self {
            of_one_vm: true,
            ..Self::default()
        };
        for record in snapshot.records() {
            let record = record?;
            let reasons = match record.owner {
                Owner::Cpu(cpu) => counts.cpus.entry(cpu).or_default(),
                Owner::Retired => {
                    counts.of_one_vm = false;
                    &mut counts.retired
                }
                Owner::Vcpu(head) => {
                    let vcpu = counts.vcpus.entry((head.vm, head.vcpu)).or_default();
                    vcpu.pid = head.pid;
                    vcpu.process = text(&head.process);
                    &mut vcpu.reasons
                }
            };
            for row in record.rows() {
                let row = row?;
                let reason = Reason {
                    isa: snapshot.header.isa(),
                    number: row.head.reason,
                };
                reasons.count(reason, Counters::of(&row));
            }
            reasons.0.shrink_to_fit();
        }
        Ok(counts)
    }

    /// Returns the vCPUs that ended since `before`.
    #[must_use]
    pub fn ended_since(&self, before: &Self) -> Vec<VcpuId> {
        // It is absent, or its number was reused: BPF numbers VMs by their processes.
        let ended = |(id, vcpu): &(&VcpuId, &Vcpu)| {
            let now = self.vcpus.get(id);
            now.is_none_or(|now| now.reasons.began_anew(&vcpu.reasons))
        };
        let ended = before.vcpus.iter().filter(ended);
        ended.map(|(id, _)| *id).collect()
    }

    /// Returns the total of the last exits of the vCPUs that ended since `before`.
    #[must_use]
    pub fn last_exits(&self, before: &Self, ended: &[VcpuId]) -> Reasons {
        let mut last_exits = self.retired.clone();
        last_exits.subtract(&before.retired);
        for vcpu in ended.iter().filter_map(|id| before.vcpus.get(id)) {
            last_exits.subtract(&vcpu.reasons);
        }
        last_exits
    }

    /// Returns whether it has the host's totals. Recordings of some VMs do not.
    #[must_use]
    pub fn has_host(&self) -> bool {
        !self.cpus.is_empty()
    }

    /// Returns the counters added since `before`. The last exits of vCPUs that ended since are attributed
    /// to the vCPU, to its VM, or to `retired`, as precisely as possible: see [`Whose`]. Exits of vCPUs
    /// that began and ended in between are included.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let mut new = self.clone();
        let none = Reasons::default();
        for (cpu, reasons) in &mut new.cpus {
            reasons.subtract(before.cpus.get(cpu).unwrap_or(&none));
        }
        for (id, vcpu) in &mut new.vcpus {
            if !before.vcpus.contains_key(id) {
                vcpu.reasons.subtract(&none);
            }
        }
        new.retired = Reasons::default();
        let ended = self.ended_since(before);
        let last_exits = self.last_exits(before, &ended);
        for (id, vcpu) in &before.vcpus {
            let gone = ended.binary_search(id).is_ok();
            let now = new.vcpus.entry(*id).or_insert_with(|| vcpu.without_exits());
            match gone {
                false => now.reasons.subtract(&vcpu.reasons),
                true => now.reasons.subtract(&none),
            }
        }
        let mut unknown = None;
        if self.of_one_vm || before.of_one_vm {
            // Their last exits are unknown, and their counters subtracted above are not included either.
            unknown = Some(Unknown::Lost);
        } else if !last_exits.0.is_empty() {
            match Whose::of(&ended) {
                Some(Whose::Vcpu(id)) => {
                    new.vcpus.entry(id).or_default().reasons.add(&last_exits);
                }
                Some(Whose::Vm(vm)) => {
                    new.ended.insert(vm, last_exits);
                    unknown = Some(Unknown::InVm);
                }
                None => {
                    new.retired = last_exits;
                    unknown = Some(Unknown::InHost);
                }
            }
        }
        if let Some(unknown) = unknown {
            new.unknown.extend(ended.iter().map(|id| (*id, unknown)));
        }
        new
    }

    /// Returns all counters since the module was reloaded, with the VMs of `before`. These ended at the
    /// reload, and their last exits are lost.
    fn since_load(&self, before: &Self) -> Self {
        let mut new = self.clone();
        for (id, vcpu) in &before.vcpus {
            let vcpus = new.vcpus.entry(*id);
            vcpus.or_insert_with(|| vcpu.without_exits());
        }
        new
    }

    /// Adds other counters.
    pub fn add(&mut self, others: &Self) {
        for (cpu, reasons) in &others.cpus {
            self.cpus.entry(*cpu).or_default().add(reasons);
        }
        for (id, other) in &others.vcpus {
            let vcpu = self.vcpus.entry(*id).or_default();
            vcpu.pid = other.pid;
            vcpu.process.clone_from(&other.process);
            vcpu.identity.clone_from(&other.identity);
            vcpu.reasons.add(&other.reasons);
        }
        self.add_ended(others);
        self.retired.add(&others.retired);
    }

    /// Adds the last exits that others attribute.
    fn add_ended(&mut self, others: &Self) {
        for (vm, reasons) in &others.ended {
            self.ended.entry(*vm).or_default().add(reasons);
        }
        for (id, unknown) in &others.unknown {
            let known = self.unknown.entry(*id).or_insert(*unknown);
            *known = (*known).max(*unknown);
        }
    }

    /// Returns where the last exits of a scope are counted, if not in the scope itself.
    #[must_use]
    pub fn unknown_last_exits(&self, scope: Scope) -> Option<Unknown> {
        match scope {
            Scope::Cpu(_) => None,
            Scope::Host if self.has_host() => None,
            Scope::Host => {
                let mut unknown = self.unknown.values().copied();
                unknown.find(|unknown| *unknown == Unknown::Lost)
            }
            Scope::Vm(vm) => {
                let vcpus = self.unknown.range((vm, 0)..=(vm, u32::MAX));
                let vcpus = vcpus.map(|(_, unknown)| *unknown);
                vcpus.max().filter(|unknown| *unknown > Unknown::InVm)
            }
            Scope::Vcpu(id) => self.unknown.get(&id).copied(),
        }
    }

    /// Returns whether a scope exists.
    #[must_use]
    pub fn has(&self, scope: Scope) -> bool {
        match scope {
            Scope::Host => true,
            Scope::Vm(vm) => self.vcpus_of(vm).next().is_some(),
            Scope::Vcpu(id) => self.vcpus.contains_key(&id),
            Scope::Cpu(cpu) => self.cpus.contains_key(&cpu),
        }
    }

    /// Returns sums of vCPU counters; `None` for a CPU, or if the scope does not exist.
    #[must_use]
    pub fn by_vcpus(&self, scope: Scope) -> Option<Reasons> {
        match scope {
            Scope::Host => {
                let vcpus = self.vcpus.values().map(|vcpu| &vcpu.reasons);
                let ended = self.ended.values();
                Some(vcpus.chain(ended).chain([&self.retired]).sum())
            }
            Scope::Vm(vm) => {
                let mut vcpus = self.vcpus_of(vm).peekable();
                vcpus.peek()?;
                let vcpus = vcpus.map(|(_, vcpu)| &vcpu.reasons);
                Some(vcpus.chain(self.ended.get(&vm)).sum())
            }
            Scope::Vcpu(id) => self.vcpus.get(&id).map(|vcpu| vcpu.reasons.clone()),
            Scope::Cpu(_) => None,
        }
    }

    /// Returns sums of CPU counters; `None` if the scope does not exist or is not counted by CPU.
    #[must_use]
    pub fn by_cpus(&self, scope: Scope) -> Option<Reasons> {
        match scope {
            Scope::Host => self.has_host().then(|| self.cpus.values().sum()),
            Scope::Cpu(cpu) => self.cpus.get(&cpu).cloned(),
            Scope::Vm(_) | Scope::Vcpu(_) => None,
        }
    }

    /// Iterates over the vCPUs of a VM, in ascending order.
    pub fn vcpus_of(&self, vm: u64) -> impl Iterator<Item = (u32, &Vcpu)> {
        self.vcpus
            .range((vm, 0)..=(vm, u32::MAX))
            .map(|((_, number), vcpu)| (*number, vcpu))
    }

    /// Returns the identity of a VM, if it is known.
    #[must_use]
    pub fn identity(&self, vm: u64) -> Option<&Identity> {
        self.vcpus_of(vm)
            .find_map(|(_, vcpu)| vcpu.identity.as_deref())
    }

    /// Returns the identity of the scope's VM, if it is known.
    #[must_use]
    pub fn identity_of(&self, scope: Scope) -> Option<&Identity> {
        match scope {
            Scope::Vm(vm) | Scope::Vcpu((vm, _)) => self.identity(vm),
            Scope::Host | Scope::Cpu(_) => None,
        }
    }

    /// Returns the VMs in ascending order.
    #[must_use]
    pub fn vms(&self) -> Vec<u64> {
        let mut vms: Vec<_> = self.vcpus.keys().map(|&(vm, _)| vm).collect();
        vms.dedup();
        vms
    }

    /// Returns the figures by reason; `None` if the scope does not exist.
    #[must_use]
    pub fn lines(&self, scope: Scope) -> Option<BTreeMap<Reason, Line>> {
        let (tallies, details) = (self.by_cpus(scope), self.by_vcpus(scope));
        let mut lines = BTreeMap::<Reason, Line>::new();
        match (&tallies, &details) {
            (None, None) => return None,
            (Some(tallies), _) => {
                for (reason, counters) in tallies.iter() {
                    lines.entry(reason).or_default().tally = counters.tally();
                }
            }
            (None, Some(details)) => {
                for (reason, counters) in details.iter() {
                    lines.entry(reason).or_default().tally = counters.tally();
                }
            }
        }
        if let Some(details) = details {
            for (reason, counters) in details.iter() {
                lines.entry(reason).or_default().detail = Some(counters.clone());
            }
            for line in lines.values_mut() {
                line.detail.get_or_insert_default();
            }
        }
        Some(lines)
    }
}

/// Returns the sum of lines.
pub fn total<'a>(lines: impl IntoIterator<Item = &'a Line>) -> Line {
    let mut total = Line::default();
    for line in lines {
        total.tally = total.tally.plus(line.tally);
        if let Some(detail) = &line.detail {
            total.detail.get_or_insert_default().add(detail);
        }
    }
    total
}

/// A parsed snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Time and origin.
    pub header: Header,
    /// The counters.
    pub counts: Counts,
    /// Details of exits, if they were requested.
    pub details: Option<Details>,
}

impl Sample {
    /// Parses a snapshot.
    ///
    /// # Errors
    ///
    /// The bytes are not a snapshot, or any part of them is damaged.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let snapshot = Snapshot::parse(bytes)?;
        Ok(Self {
            header: snapshot.header,
            counts: Counts::of(&snapshot)?,
            details: Details::of(&snapshot)?,
        })
    }

    /// Returns the module's version.
    #[must_use]
    pub fn module_version(&self) -> String {
        text(&self.header.module_version)
    }
}

/// Counters over a period of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// Header of the snapshot at its end.
    pub end: Header,
    /// Length in seconds; `None` if it began when the module was loaded, since that time is not recorded.
    pub seconds: Option<Seconds>,
    /// Number of times that the module was reloaded. Exits between the last snapshot and the unloading are
    /// missing.
    pub reloads: u32,
    /// The counters.
    pub counts: Counts,
    /// Details of exits, if they were requested at its end.
    pub details: Option<Details>,
}

/// Seconds, with `Eq`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seconds(pub f64);

impl Eq for Seconds {}

impl Period {
    /// Returns the period from the loading of the module to a sample.
    #[must_use]
    pub fn since_load(sample: Sample) -> Self {
        Self {
            end: sample.header,
            seconds: None,
            reloads: 0,
            counts: sample.counts,
            details: sample.details,
        }
    }

    /// Returns the period between two samples. If the module was reloaded in between, it has all counters
    /// of the later sample.
    #[must_use]
    pub fn between(before: &Sample, after: &Sample) -> Self {
        let same = before.header.load == after.header.load;
        let ended = after.counts.ended_since(&before.counts);
        Self {
            end: after.header,
            seconds: Some(Seconds(seconds_between(&before.header, &after.header))),
            reloads: u32::from(!same),
            counts: if same {
                after.counts.since(&before.counts)
            } else {
                after.counts.since_load(&before.counts)
            },
            details: match (&before.details, &after.details) {
                (Some(old), Some(new)) if same => {
                    let mut details = new.since(old, Whose::of(&ended));
                    details.slow.retain(|exit| exit.tsc > before.header.tsc);
                    Some(details)
                }
                (_, after) => after.clone(),
            },
        }
    }

    /// Returns the details of exits, if any were captured.
    #[must_use]
    pub fn captured(&self) -> Option<&Details> {
        let details = self.details.as_ref()?;
        (self.end.detail != 0 || !details.is_empty()).then_some(details)
    }

    /// Appends the period that follows. Keeps the VMs of both.
    pub fn extend(&mut self, next: &Self) {
        self.end = next.end;
        self.seconds = match (self.seconds, next.seconds) {
            (Some(a), Some(b)) => Some(Seconds(a.0 + b.0)),
            _ => None,
        };
        self.reloads += next.reloads;
        self.counts.add(&next.counts);
        if let Some(next) = &next.details {
            self.details.get_or_insert_default().add(next);
        }
    }
}

/// Returns the time between two snapshots. Uses the TSC, or the clock if the TSC went back (after a reboot)
/// or its frequency is unknown.
fn seconds_between(before: &Header, after: &Header) -> f64 {
    let cycles = after.tsc.checked_sub(before.tsc);
    match cycles.filter(|_| after.tsc_khz != 0) {
        Some(cycles) => cycles as f64 / (f64::from(after.tsc_khz) * 1e3),
        None => after.realtime.saturating_sub(before.realtime) as f64 / 1e9,
    }
}

/// Returns a NUL-padded text.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    // Processes choose their own names.
    printable(&String::from_utf8_lossy(&bytes[..end]))
}
