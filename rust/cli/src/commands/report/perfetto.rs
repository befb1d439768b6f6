// SPDX-License-Identifier: GPL-2.0

//! `exitstat report --format perfetto`: converts a recording to a trace for ui.perfetto.dev.
//!
//! The subject, a host or a VM, is a process of the trace. Its counters are the rates by reason. Its
//! threads have the phases, and a slice per interval with the exact counts. For a host, each VM is a
//! process with its rates, and each vCPU a thread with a slice from its begin to its end.

use super::{
    phases::BEGIN,
    trace::{Trace, Track},
};
use crate::{
    cli::{ReportArgs, RowsArgs},
    commands,
    error::Error,
    model::{Counts, Line, Scope, VcpuId},
    output::{self, json},
    reason::Reason,
    source::recording::{Interval, Intervals, Reader},
    view::{not_there, Subject, View},
    vm::{identity::Identity, wanted::scope},
};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read, Write},
    process::ExitCode,
};

/// Process and threads of the subject.
const SUBJECT: u32 = 1;
const PHASES: Track = Track {
    pid: SUBJECT,
    tid: SUBJECT,
};
const INTERVALS: Track = Track {
    pid: SUBJECT,
    tid: SUBJECT + 1,
};

/// Runs the command.
///
/// # Errors
///
/// The recording cannot be read or has a single snapshot, the scope does not exist, or writing fails.
pub fn run(args: &ReportArgs) -> Result<ExitCode, Error> {
    let failed = |why| Error::Recording {
        path: args.file.clone(),
        why,
    };
    // Read the whole recording first: if the scope does not exist in it, write nothing.
    let recording = super::open(&args.file)?;
    let scope = scope(&args.scope, &recording.period.counts)?;
    if !recording.period.counts.has(scope) {
        return Err(not_there(scope));
    }
    if recording.snapshots < 2 {
        let file = args.file.display();
        return Err(Error::Incomplete(format!(
            "{file}: the recording has one snapshot; a trace needs two"
        )));
    }
    let whole = recording.warning().is_none();
    let mut intervals = Intervals::new(Reader::open(&args.file)?).map_err(failed)?;
    let trace = Trace::new(output::stdout(), &about(&intervals))?;
    let whole_view = View::of_interval(&recording.period, scope, &args.rows);
    let mut writer = Writer::new(trace, &whole_view, &recording.period.counts, args)?;
    writer.first_marks(intervals.marks())?;
    while let Some(interval) = intervals.next_interval().map_err(failed)? {
        writer.interval(&interval)?;
    }
    writer.finish()?;
    Ok(commands::done(whole))
}

/// Returns the metadata of the trace.
fn about<R: Read>(intervals: &Intervals<R>) -> Map<String, Value> {
    let metadata = intervals.reader().metadata();
    let began = json::time(intervals.header().realtime);
    [
        ("exitstat", Some(env!("CARGO_PKG_VERSION").to_owned())),
        ("began", began),
        ("hostname", metadata.hostname.clone()),
        ("kernel", Some(metadata.kernel.clone())),
        ("source", Some(metadata.source.clone())),
    ]
    .into_iter()
    .filter_map(|(name, text)| {
        let text = text.filter(|text| !text.is_empty())?;
        Some((name.to_owned(), text.into()))
    })
    .collect()
}

/// Kind of a rate.
#[derive(Clone, Copy)]
enum Of {
    Exits,
    Kernel,
    User,
}

impl Of {
    const ALL: [Self; 3] = [Self::Exits, Self::Kernel, Self::User];

    /// Returns the name of the counters.
    fn name(self, view: &View) -> &'static str {
        match (self, view.tsc_khz) {
            (Self::Exits, _) => "exits/s",
            (Self::Kernel, Some(_)) => "kernel ms/s",
            (Self::Kernel, None) => "kernel cycles/s",
            (Self::User, Some(_)) => "userspace ms/s",
            (Self::User, None) => "userspace cycles/s",
        }
    }

    /// Returns the name of the counts of an interval, as in JSON.
    fn count(self) -> &'static str {
        match self {
            Self::Exits => "exits",
            Self::Kernel => "cycles",
            Self::User => "user_cycles",
        }
    }

    /// Returns the count in a line, if it was counted.
    fn of(self, view: &View, line: &Line) -> Option<u64> {
        let detail = line.detail.as_ref();
        match self {
            Self::Exits => Some(line.tally.exits),
            Self::Kernel => Some(line.tally.cycles).filter(|_| view.has_times()),
            Self::User => detail
                .map(|detail| detail.user_cycles)
                .filter(|_| view.has_times()),
        }
    }

    /// Returns the count per second.
    fn rate(self, view: &View, count: u64) -> f64 {
        let scale = match self {
            Self::Exits => 1.0,
            Self::Kernel | Self::User => view.seconds_of(1e3).unwrap_or(1.0),
        };
        match view.seconds {
            Some(seconds) if seconds > 0.0 => count as f64 * scale / seconds,
            _ => 0.0,
        }
    }
}

/// Writer of the trace, interval by interval.
struct Writer<'a, W> {
    trace: Trace<W>,
    scope: Scope,
    rows: &'a RowsArgs,
    /// Seconds since the first snapshot.
    now: f64,
    /// Reasons of the whole recording. In intervals without such exits, the rate is 0.
    reasons: Vec<(Reason, String)>,
    /// Kinds of rates.
    rates: Vec<Of>,
    /// Processes of VMs other than the subject.
    vms: BTreeMap<u64, u32>,
    /// Threads of vCPUs.
    vcpus: BTreeMap<VcpuId, Track>,
    /// vCPUs whose slice has begun.
    present: BTreeSet<VcpuId>,
}

impl<'a, W: Write> Writer<'a, W> {
    /// Names all processes and threads. `all` and `counts` are of the whole recording.
    fn new(
        mut trace: Trace<W>,
        all: &View,
        counts: &Counts,
        args: &'a ReportArgs,
    ) -> Result<Self, Error> {
        let scope = match all.subject {
            Subject::Of(scope) => scope,
            Subject::Vms => Scope::Host,
            Subject::Guest => unreachable!("a recording is not about the guest that reads it"),
        };
        let subject = match scope {
            Scope::Vm(vm) => name_of_vm(vm, counts),
            Scope::Host | Scope::Vcpu(_) | Scope::Cpu(_) => all.subject.to_string(),
        };
        trace.process(SUBJECT, &subject)?;
        trace.thread(PHASES, "phases")?;
        trace.thread(INTERVALS, "intervals")?;
        let (mut vms, mut vcpus) = (BTreeMap::new(), BTreeMap::new());
        let mut next = INTERVALS.tid + 1;
        for &(vm, vcpu) in counts.vcpus.keys().filter(|id| has(scope, **id)) {
            let pid = match (scope, vms.get(&vm)) {
                (Scope::Host, None) => {
                    trace.process(next, &name_of_vm(vm, counts))?;
                    vms.insert(vm, next);
                    next
                }
                (_, pid) => pid.copied().unwrap_or(SUBJECT),
            };
            let track = Track { pid, tid: next + 1 };
            next += 2;
            trace.thread(track, &format!("vCPU {vcpu}"))?;
            vcpus.insert((vm, vcpu), track);
        }
        let rows = all.rows.iter();
        let rates = Of::ALL.into_iter();
        Ok(Self {
            trace,
            scope,
            rows: &args.rows,
            now: 0.0,
            reasons: rows
                .filter_map(|row| Some((row.reason?, row.name())))
                .collect(),
            rates: rates
                .filter(|of| of.of(all, &all.total.line).is_some())
                .collect(),
            vms,
            vcpus,
            present: BTreeSet::new(),
        })
    }

    fn ns(&self) -> u64 {
        (self.now * 1e9).round() as u64
    }

    /// Begins the first phase.
    fn first_marks(&mut self, marks: &[String]) -> Result<(), Error> {
        match marks {
            [] => self.trace.begin(PHASES, 0, BEGIN),
            marks => self.marks(marks),
        }
    }

    /// Begins the phase of the last of several marks. The phases of the others are empty.
    fn marks(&mut self, marks: &[String]) -> Result<(), Error> {
        let ns = self.ns();
        let Some((last, others)) = marks.split_last() else {
            return Ok(());
        };
        for mark in others {
            self.trace.instant(PHASES, ns, mark)?;
        }
        self.trace.begin(PHASES, ns, last)
    }

    fn interval(&mut self, Interval { period, marks }: &Interval) -> Result<(), Error> {
        let begin = self.ns();
        self.vcpus(&period.counts, begin)?;
        let view = View::of_interval(period, self.scope, self.rows);
        self.now += view.seconds.unwrap_or(0.0);
        let args = self.subject(begin, &view)?;
        for (&vm, &pid) in &self.vms {
            let view = View::of_interval(period, Scope::Vm(vm), self.rows);
            for &of in &self.rates {
                let count = of.of(&view, &view.total.line).unwrap_or(0);
                let total = ("total".to_owned(), of.rate(&view, count).into());
                let total = Map::from_iter([total]);
                self.trace.counters(pid, begin, of.name(&view), total)?;
            }
        }
        let end = self.ns();
        self.trace
            .slice(INTERVALS, (begin, end), "interval", args)?;
        if !marks.is_empty() {
            self.trace.end(PHASES, end)?;
            self.marks(marks)?;
        }
        Ok(())
    }

    /// Sets the subject's counters. Returns the counts.
    fn subject(&mut self, begin: u64, view: &View) -> Result<Map<String, Value>, Error> {
        let mut counts = Map::new();
        for &of in &self.rates {
            let rows = view.rows.iter();
            let found = rows.filter_map(|row| Some((row.reason?, of.of(view, &row.line)?)));
            let found: BTreeMap<_, _> = found.collect();
            let (mut rates, mut counted) = (Map::new(), Map::new());
            for (reason, name) in &self.reasons {
                let count = found.get(reason).copied().unwrap_or(0);
                rates.insert(name.clone(), of.rate(view, count).into());
                if count > 0 {
                    counted.insert(name.clone(), count.into());
                }
            }
            self.trace.counters(SUBJECT, begin, of.name(view), rates)?;
            counts.insert(of.count().to_owned(), counted.into());
        }
        Ok(counts)
    }

    /// Begins the slices of new vCPUs, and ends those of ended vCPUs.
    fn vcpus(&mut self, counts: &Counts, ns: u64) -> Result<(), Error> {
        for (id, track) in &self.vcpus {
            match (counts.vcpus.get(id), self.present.contains(id)) {
                (Some(vcpu), false) => {
                    self.trace.begin(*track, ns, &vcpu.process)?;
                    self.present.insert(*id);
                }
                (None, true) => {
                    self.trace.end(*track, ns)?;
                    self.present.remove(id);
                }
                _ => (),
            }
        }
        Ok(())
    }

    /// Ends all slices.
    fn finish(mut self) -> Result<(), Error> {
        let ns = self.ns();
        self.vcpus(&Counts::default(), ns)?;
        self.trace.end(PHASES, ns)?;
        self.trace.finish()
    }
}

/// Returns whether a vCPU belongs to a scope.
fn has(scope: Scope, id: VcpuId) -> bool {
    match scope {
        Scope::Host => true,
        Scope::Vm(vm) => id.0 == vm,
        Scope::Vcpu(vcpu) => id == vcpu,
        Scope::Cpu(_) => false,
    }
}

/// Returns the number of a VM, its name or that of its process, and the process ID.
fn name_of_vm(vm: u64, counts: &Counts) -> String {
    let subject = Subject::Of(Scope::Vm(vm));
    let name = counts.identity(vm).and_then(Identity::name);
    match counts.vcpus_of(vm).next() {
        Some((_, vcpu)) => {
            let name = name.as_deref().unwrap_or(&vcpu.process);
            format!("{subject} ({name}, pid {})", vcpu.pid)
        }
        None => subject.to_string(),
    }
}
