// SPDX-License-Identifier: GPL-2.0

//! The counters of a snapshot, and sums and differences of them.
//!
//! All arithmetic wraps, as the counters themselves do.

mod ended;
pub mod scope;
mod seen;

pub use ended::Unknown;
pub use scope::{Scope, VcpuId, Whose};
pub use seen::Seen;

use crate::{detail::Details, reason::Reason, vm::identity::Identity};
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
    /// All buckets.
    #[must_use]
    pub fn buckets(&self) -> [u64; BUCKETS] {
        let mut all = [0; BUCKETS];
        for (bucket, &exits) in all.iter_mut().skip(self.first).zip(&self.exits) {
            *bucket = exits;
        }
        all
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.last().is_none()
    }

    /// The last nonzero bucket.
    fn last(&self) -> Option<usize> {
        let last = self.exits.iter().rposition(|&exits| exits != 0)?;
        Some(self.first + last)
    }

    /// Applies `operation` to each bucket and the other histogram's. With 0 it must change nothing.
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

/// What is counted of one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Exits.
    pub exits: u64,
    /// TSC cycles that they took.
    pub cycles: u64,
    /// Those of the longest of them. `None` in a difference: it may have been before.
    pub max: Option<u64>,
    /// Exits that user space had to finish.
    pub user_exits: u64,
    /// TSC cycles that it took, of wall time.
    pub user_cycles: u64,
    /// Exits that were taken while a nested guest ran.
    pub nested: u64,
    /// Those of them that its hypervisor, the guest, got.
    pub reflected: u64,
    /// Exits by the powers of two of their cycles.
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

/// What is known of the longest exit, in cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Longest {
    /// It took so many.
    Exactly(u64),
    /// It was in this bucket of the histogram.
    InBucket(u32),
}

impl Longest {
    /// A number to sort by.
    #[must_use]
    pub fn at_least(self) -> u64 {
        match self {
            Self::Exactly(cycles) => cycles,
            Self::InBucket(bucket) => histogram::bucket_begin(bucket),
        }
    }
}

impl Counters {
    /// Of a row of a snapshot.
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

    /// Exits and cycles.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally {
            exits: self.exits,
            cycles: self.cycles,
        }
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.combine(other, u64::wrapping_add);
        self.max = self.max.zip(other.max).map(|(a, b)| a.max(b));
    }

    /// Takes away what was counted `before`.
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

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.exits == 0 && self.cycles == 0 && self.user_exits == 0 && self.user_cycles == 0
    }

    /// An upper bound of the cycles that `percent` of the exits took: see [`histogram::percentile`]. It
    /// is at most the longest exit, where that is known.
    #[must_use]
    pub fn percentile(&self, percent: u32) -> Option<u64> {
        let buckets = self.histogram.buckets();
        // An exit that is counted while the counters are read may be in the sum and not in the
        // histogram, or, of a difference, the other way round. Mostly the number of exits shows it.
        // Cycles also have what KVM spends to complete an exit that user space finished, which
        // the histogram has not: the sum is at least that of the histogram's exits then.
        let in_histogram = buckets.iter().try_fold(0u64, |sum, &n| sum.checked_add(n));
        let cycles = (in_histogram == Some(self.exits)).then_some(self.cycles);
        let bound = histogram::percentile(&buckets, percent, cycles)?;
        Some(self.max.map_or(bound, |max| bound.min(max)))
    }

    /// Exits that a VM took of its own for each that it got of its nested guests. Of all reasons together.
    #[must_use]
    pub fn own_per_reflected(&self) -> Option<f64> {
        let own = self.exits.saturating_sub(self.nested);
        (self.reflected != 0).then(|| own as f64 / self.reflected as f64)
    }

    /// The longest exit, as exactly as it is known.
    #[must_use]
    pub fn longest(&self) -> Option<Longest> {
        match (self.max, self.histogram.last()) {
            (_, None) => None,
            (Some(max), Some(_)) => Some(Longest::Exactly(max)),
            (None, Some(bucket)) => Some(Longest::InBucket(bucket as u32)),
        }
    }
}

/// Counters by reason. A reason that is not there has none.
///
/// They are few, and snapshots mostly have them in order: a sorted vector takes half of a map's memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasons(Vec<(Reason, Counters)>);

impl Reasons {
    /// In order, those that are there.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, &Counters)> {
        self.0.iter().map(|(reason, counters)| (*reason, counters))
    }

    /// Those of a reason.
    #[must_use]
    pub fn get(&self, reason: Reason) -> Option<&Counters> {
        let at = self.find(reason).ok()?;
        Some(&self.0[at].1)
    }

    /// Where a reason is, or where it belongs.
    fn find(&self, reason: Reason) -> Result<usize, usize> {
        self.0.binary_search_by_key(&reason, |(reason, _)| *reason)
    }

    /// Those of a reason, to be changed.
    fn of(&mut self, reason: Reason) -> &mut Counters {
        let at = self.find(reason).unwrap_or_else(|at| {
            self.0.insert(at, (reason, Counters::default()));
            at
        });
        &mut self.0[at].1
    }

    /// Adds counters to those of a reason.
    pub fn count(&mut self, reason: Reason, counters: Counters) {
        match self.find(reason) {
            Ok(at) => self.0[at].1.add(&counters),
            Err(at) => self.0.insert(at, (reason, counters)),
        }
    }

    /// Adds others.
    pub fn add(&mut self, others: &Self) {
        for (reason, counters) in others.iter() {
            self.of(reason).add(counters);
        }
    }

    /// Takes away what was counted `before`.
    pub fn subtract(&mut self, before: &Self) {
        for (reason, counters) in before.iter() {
            self.of(reason).subtract(counters);
        }
        // A reason that is new has no longest exit either, to be of one kind with the others.
        for (_, counters) in &mut self.0 {
            counters.max = None;
        }
        self.0.retain(|(_, counters)| !counters.is_zero());
    }

    /// Whether these cannot be what was counted `before`, and more. (Counters wrap at 2^64, after centuries.)
    fn began_anew(&self, before: &Self) -> bool {
        let less = |(reason, before): (Reason, &Counters)| {
            let now = self.get(reason).map_or(0, |now| now.exits);
            now.wrapping_sub(before.exits) > u64::MAX / 2
        };
        before.iter().any(less)
    }

    /// All reasons together.
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
    /// The process that runs it.
    pub pid: u32,
    /// That process's name.
    pub process: String,
    /// Who its VM is, if that is known.
    pub identity: Option<Arc<Identity>>,
    /// What it counted.
    pub reasons: Reasons,
}

impl Vcpu {
    /// The same, as it began.
    fn without_exits(&self) -> Self {
        Self {
            reasons: Reasons::default(),
            ..self.clone()
        }
    }
}

/// All counters, by who counted them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// CPUs of the host: exits and cycles only.
    pub cpus: BTreeMap<u32, Reasons>,
    /// vCPUs. Of a period, also those that ended in it, with their last exits if it was one at a time.
    pub vcpus: BTreeMap<VcpuId, Vcpu>,
    /// Of a period, by VM: last exits of vCPUs that ended together.
    pub ended: BTreeMap<u64, Reasons>,
    /// Of a period: vCPUs that ended, and whose last exits are not known.
    pub unknown: BTreeMap<VcpuId, Unknown>,
    /// vCPUs that are gone, together. Of a period, what is not known of which VM it is.
    pub retired: Reasons,
    /// Whether it is of one VM's vCPUs, and neither of CPUs nor of vCPUs that are gone.
    pub of_one_vm: bool,
}

/// One reason's numbers, or those of all together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Exits and cycles. Of a host, what its CPUs counted.
    pub tally: Tally,
    /// What vCPUs counted. Of a host, those that are gone included; its exits and cycles may differ
    /// from `tally` by exits that were taken while the snapshot was, and by vCPUs that there was no
    /// memory for. `None` of a CPU.
    pub detail: Option<Counters>,
}

impl Line {
    /// Cycles of an exit on average.
    #[must_use]
    pub fn average(&self) -> Option<f64> {
        (self.tally.exits != 0).then(|| self.tally.cycles as f64 / self.tally.exits as f64)
    }

    /// Cycles in the kernel and in userspace; `None` of a CPU.
    #[must_use]
    pub fn time(&self) -> Option<u64> {
        let user_cycles = self.detail.as_ref()?.user_cycles;
        Some(self.tally.cycles.wrapping_add(user_cycles))
    }

    /// The part of the exits that user space had to finish, from 0 to 1.
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

    /// The vCPUs that were there `before`, and ended since.
    #[must_use]
    pub fn ended_since(&self, before: &Self) -> Vec<VcpuId> {
        // It has gone; or, as BPF numbers VMs by their processes, there is another of its number.
        let ended = |(id, vcpu): &(&VcpuId, &Vcpu)| {
            let now = self.vcpus.get(id);
            now.is_none_or(|now| now.reasons.began_anew(&vcpu.reasons))
        };
        let ended = before.vcpus.iter().filter(ended);
        ended.map(|(id, _)| *id).collect()
    }

    /// Returns the last exits of the vCPUs that ended since `before`, all together.
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

    /// What was counted after `before`. The last exits of vCPUs that ended since are theirs, or their
    /// VM's, or in `retired`, as far as is known: see [`Whose`]. What those did that came and went in
    /// between is there, too.
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
            // Nothing is known of them. What was taken away above is not there, either.
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

    /// All that was counted since the module was loaded again, with VMs of `before`. They ended then,
    /// and their last exits are lost.
    fn since_load(&self, before: &Self) -> Self {
        let mut new = self.clone();
        for (id, vcpu) in &before.vcpus {
            let vcpus = new.vcpus.entry(*id);
            vcpus.or_insert_with(|| vcpu.without_exits());
        }
        new
    }

    /// Adds others.
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

    /// Adds what others know of last exits.
    fn add_ended(&mut self, others: &Self) {
        for (vm, reasons) in &others.ended {
            self.ended.entry(*vm).or_default().add(reasons);
        }
        for (id, unknown) in &others.unknown {
            let known = self.unknown.entry(*id).or_insert(*unknown);
            *known = (*known).max(*unknown);
        }
    }

    /// Where last exits of a scope are, if they are not among its own.
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

    /// Whether what is asked for is there.
    #[must_use]
    pub fn has(&self, scope: Scope) -> bool {
        match scope {
            Scope::Host => true,
            Scope::Vm(vm) => self.vcpus_of(vm).next().is_some(),
            Scope::Vcpu(id) => self.vcpus.contains_key(&id),
            Scope::Cpu(cpu) => self.cpus.contains_key(&cpu),
        }
    }

    /// The sums of what vCPUs counted; `None` of what is not there, or of a CPU.
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

    /// The sums of what CPUs counted; `None` if there is no such CPU, or not by CPUs.
    #[must_use]
    pub fn by_cpus(&self, scope: Scope) -> Option<Reasons> {
        match scope {
            Scope::Host => self.has_host().then(|| self.cpus.values().sum()),
            Scope::Cpu(cpu) => self.cpus.get(&cpu).cloned(),
            Scope::Vm(_) | Scope::Vcpu(_) => None,
        }
    }

    /// The vCPUs of a VM, by their numbers.
    pub fn vcpus_of(&self, vm: u64) -> impl Iterator<Item = (u32, &Vcpu)> {
        self.vcpus
            .range((vm, 0)..=(vm, u32::MAX))
            .map(|((_, number), vcpu)| (*number, vcpu))
    }

    /// Who a VM is, if that is known.
    #[must_use]
    pub fn identity(&self, vm: u64) -> Option<&Identity> {
        self.vcpus_of(vm)
            .find_map(|(_, vcpu)| vcpu.identity.as_deref())
    }

    /// Who the VM of a scope is, if that is known.
    #[must_use]
    pub fn identity_of(&self, scope: Scope) -> Option<&Identity> {
        match scope {
            Scope::Vm(vm) | Scope::Vcpu((vm, _)) => self.identity(vm),
            Scope::Host | Scope::Cpu(_) => None,
        }
    }

    /// The VMs that there are, ascending.
    #[must_use]
    pub fn vms(&self) -> Vec<u64> {
        let mut vms: Vec<_> = self.vcpus.keys().map(|&(vm, _)| vm).collect();
        vms.dedup();
        vms
    }

    /// What there is to show of each reason; `None` if what is asked for is not there.
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

/// The sum of lines.
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

/// A snapshot that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When, and of what.
    pub header: Header,
    /// The counters.
    pub counts: Counts,
    /// What exits were about, if it was asked for.
    pub details: Option<Details>,
}

impl Sample {
    /// Of a snapshot's bytes.
    ///
    /// # Errors
    ///
    /// They are none, or damaged anywhere.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let snapshot = Snapshot::parse(bytes)?;
        Ok(Self {
            header: snapshot.header,
            counts: Counts::of(&snapshot)?,
            details: Details::of(&snapshot)?,
        })
    }

    /// The module's version.
    #[must_use]
    pub fn module_version(&self) -> String {
        text(&self.header.module_version)
    }
}

/// What was counted in some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// Of the snapshot at its end.
    pub end: Header,
    /// How long it was, in seconds; `None` if it is all since the module was loaded, as nobody wrote
    /// down when that was.
    pub seconds: Option<Seconds>,
    /// How often the module was loaded again in it. What was counted between the last snapshot
    /// before and the unloading is missing.
    pub reloads: u32,
    /// What was counted.
    pub counts: Counts,
    /// What exits were about, if it was asked for at its end.
    pub details: Option<Details>,
}

/// Seconds; a number that can be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seconds(pub f64);

impl Eq for Seconds {}

impl Period {
    /// All that a sample has, since the module was loaded.
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

    /// From a sample to a later one. If the module was loaded again in between, all that the later
    /// one has happened then.
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

    /// What exits were about, if any of it was captured.
    #[must_use]
    pub fn captured(&self) -> Option<&Details> {
        let details = self.details.as_ref()?;
        (self.end.detail != 0 || !details.is_empty()).then_some(details)
    }

    /// Goes on with the period that follows. VMs stay that were in either.
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

/// The time between two snapshots: by the TSC, or if that went back (another boot) or has no
/// frequency, by the clock.
fn seconds_between(before: &Header, after: &Header) -> f64 {
    let cycles = after.tsc.checked_sub(before.tsc);
    match cycles.filter(|_| after.tsc_khz != 0) {
        Some(cycles) => cycles as f64 / (f64::from(after.tsc_khz) * 1e3),
        None => after.realtime.saturating_sub(before.realtime) as f64 / 1e9,
    }
}

/// What NULs fill up.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    // A process gives itself its name; a terminal must not obey it.
    String::from_utf8_lossy(&bytes[..end])
        .chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}
