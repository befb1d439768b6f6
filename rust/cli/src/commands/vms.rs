// SPDX-License-Identifier: GPL-2.0

//! `exitstat vms`: lists the VMs.

use crate::{
    cli::{Format, VmSort, VmsArgs},
    counted_by::CountedBy,
    error::Error,
    model::{Counters, Period, Sample, Scope, Seen},
    output::{self, csv, fit::Column, json, table, width},
    reason::vendor,
    source::Source,
    vm::identity::Identity,
};
use clap::ValueEnum;
use serde::Serialize;
use std::{cmp::Reverse, io::Write, process::ExitCode, time::Duration};

/// A VM.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Vm {
    /// VM number.
    pub vm: u64,
    /// Process that runs it.
    pub pid: u32,
    /// Name of the process.
    pub process: String,
    /// Identity.
    #[serde(flatten)]
    pub identity: About,
    /// Number of vCPUs that took exits.
    pub vcpus: usize,
    /// Number of exits.
    pub exits: u64,
    /// Cycles in the kernel, or nanoseconds if BPF counted; `None` if times were not counted.
    pub cycles: Option<u64>,
    /// Exits per second over the interval.
    pub exits_per_second: Option<f64>,
    /// Reason with the most cycles in the kernel, or with the most exits if times were not counted.
    pub top_reason: Option<String>,
    /// Whether it ended before the end of the recording.
    pub gone: bool,
    /// Cycles of wall time in userspace.
    pub user_cycles: Option<u64>,
    /// Reason with the most time in the kernel and in userspace, or with the most exits.
    pub top_reason_by_time: Option<String>,
}

impl Vm {
    /// Returns its name, or the name of its process if it has none.
    fn name(&self) -> &str {
        self.identity.name.as_deref().unwrap_or(&self.process)
    }

    /// Returns whether its name or the name of its process contains this text, ignoring case.
    fn is_like(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        [self.name(), &self.process]
            .iter()
            .any(|name| name.to_lowercase().contains(&text))
    }

    /// Returns the cycles in the kernel and in userspace.
    fn time(&self) -> u64 {
        let sum = [self.cycles, self.user_cycles].into_iter().flatten();
        sum.fold(0, u64::wrapping_add)
    }
}

/// Returns the requested VMs in the requested order.
fn choose(mut vms: Vec<Vm>, name: Option<&str>, sort: VmSort) -> Vec<Vm> {
    vms.retain(|vm| name.is_none_or(|name| vm.is_like(name)));
    // The sort is stable: equal VMs stay in the order of their numbers.
    match sort {
        VmSort::Vm => (),
        VmSort::Name => vms.sort_by(|a, b| a.name().cmp(b.name())),
        VmSort::Time => vms.sort_by_key(|vm| Reverse(vm.time())),
        VmSort::Cycles => vms.sort_by_key(|vm| Reverse(vm.cycles)),
        VmSort::UserCycles => vms.sort_by_key(|vm| Reverse(vm.user_cycles)),
        VmSort::Exits => vms.sort_by_key(|vm| Reverse(vm.exits)),
        VmSort::Rate => {
            let rate = |vm: &Vm| vm.exits_per_second.unwrap_or(0.0);
            vms.sort_by(|a, b| rate(b).total_cmp(&rate(a)));
        }
        VmSort::Vcpus => vms.sort_by_key(|vm| Reverse(vm.vcpus)),
    }
    vms
}

/// Returns the sum of a counter over several VMs.
fn sum<T: Copy + std::iter::Sum>(vms: &[Vm], of: impl Fn(&Vm) -> Option<T>) -> Option<T> {
    vms.iter().map(of).sum()
}

/// Identity of a VM beside its process.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct About {
    /// Name given by its manager or user.
    pub name: Option<String>,
    /// UUID.
    pub uuid: Option<String>,
    /// Number or identifier used by its manager.
    pub id: Option<String>,
    /// Kubernetes namespace of a KubeVirt VM.
    pub namespace: Option<String>,
    /// UID of the Kubernetes pod that it runs in.
    pub pod: Option<String>,
    /// Container that it runs in.
    pub container: Option<String>,
}

impl About {
    fn of(identity: Option<&Identity>) -> Self {
        let Some(identity) = identity.cloned() else {
            return Self::default();
        };
        Self {
            name: identity.name(),
            uuid: identity.uuid(),
            id: identity.id.map(String::from),
            namespace: identity.namespace.map(String::from),
            pod: identity.pod.map(String::from),
            container: identity.container.map(String::from),
        }
    }
}

/// Runs the command.
///
/// # Errors
///
/// The counters cannot be read, or writing fails.
pub fn run(args: &VmsArgs) -> Result<ExitCode, Error> {
    let mut source = Source::open(&args.source)?;
    let first = source.first()?;
    let interval = if source.is_live() {
        args.interval
    } else {
        Duration::ZERO
    };
    let mut found = Found::new(first);
    let mut looks = u32::from(!args.interval.is_zero());
    while looks > 0 {
        match source.sample(interval)? {
            Some(sample) => found.add(sample),
            None => break,
        }
        // A recording is read to its end.
        looks -= u32::from(source.is_live());
    }
    let whole = source.is_whole();
    print(&mut output::stdout(), args, &found)?;
    Ok(super::done(whole))
}

/// VMs seen in one or more samples.
#[derive(Debug)]
pub struct Found {
    seen: Seen,
    period: Option<Period>,
}

impl Found {
    /// Returns the VMs of a sample.
    #[must_use]
    pub fn new(sample: Sample) -> Self {
        Self {
            seen: Seen::new(sample),
            period: None,
        }
    }

    /// Adds a later sample.
    pub fn add(&mut self, sample: Sample) {
        let period = self.seen.add(sample);
        match &mut self.period {
            // VM numbers and counters have been reset.
            all if period.reloads > 0 => *all = None,
            Some(all) => all.extend(&period),
            all => *all = Some(period),
        }
    }

    /// Returns the VMs in the order of their numbers.
    #[must_use]
    pub fn vms(&self) -> Vec<Vm> {
        let (seen, last) = (self.seen.vms(), self.seen.last());
        let times = CountedBy::of(&last.header).has_times();
        let vm = |vm: u64| {
            let scope = Scope::Vm(vm);
            let reasons = seen.by_vcpus(scope).unwrap_or_default();
            let total = reasons.total();
            let rate = self.period.as_ref().and_then(|period| {
                let seconds = period.seconds?.0;
                let exits = period.counts.by_vcpus(scope)?.total().exits;
                (seconds > 0.0).then_some(exits as f64 / seconds)
            });
            let vcpu = seen.vcpus_of(vm).next();
            let top = |time: &dyn Fn(&Counters) -> u64| {
                let most = |counters: &Counters| match times {
                    true => time(counters),
                    false => counters.exits,
                };
                let top = reasons.iter().max_by_key(|(_, counters)| most(counters));
                top.map(|(reason, _)| reason.to_string())
            };
            Vm {
                vm,
                pid: vcpu.map_or(0, |(_, vcpu)| vcpu.pid),
                identity: About::of(seen.identity(vm)),
                process: vcpu.map_or_else(String::new, |(_, vcpu)| vcpu.process.clone()),
                vcpus: seen.vcpus_of(vm).count(),
                exits: total.exits,
                cycles: times.then_some(total.cycles),
                exits_per_second: rate,
                top_reason: top(&|counters| counters.cycles),
                gone: last.counts.vcpus_of(vm).next().is_none(),
                user_cycles: times.then_some(total.user_cycles),
                top_reason_by_time: top(&|counters| {
                    counters.cycles.wrapping_add(counters.user_cycles)
                }),
            }
        };
        seen.vms().into_iter().map(vm).collect()
    }
}

/// Prints the VMs.
fn print(out: &mut impl Write, args: &VmsArgs, found: &Found) -> Result<(), Error> {
    let header = &found.seen.last().header;
    let by = CountedBy::of(header);
    if !by.has_times()
        && matches!(
            args.sort,
            VmSort::Time | VmSort::Cycles | VmSort::UserCycles
        )
    {
        let sort = args.sort.to_possible_value();
        let sort = sort.as_ref().map_or("", |sort| sort.get_name());
        return Err(Error::Usage(format!(
            "--sort {sort}: only exits were counted (--counts), without times"
        )));
    }
    let vms = choose(found.vms(), args.name.as_deref(), args.sort);
    match args.format {
        Format::Json => {
            #[derive(Serialize)]
            struct Vms {
                source: &'static str,
                vendor: &'static str,
                tsc_khz: u32,
                vms: Vec<Vm>,
            }
            let vms = Vms {
                source: by.word(),
                vendor: vendor(header.isa()),
                tsc_khz: header.tsc_khz,
                vms,
            };
            json::write(out, "vms", vms)?;
        }
        Format::Csv => {
            let header =
                "vm,pid,process,vcpus,exits,cycles,exits_per_second,top_reason,gone,user_cycles,\
                          top_reason_by_time,name,uuid,id,namespace,pod,container";
            let header = header.split(',').map(str::to_owned).collect();
            let rows = vms.iter().map(|vm| {
                vec![
                    vm.vm.to_string(),
                    vm.pid.to_string(),
                    vm.process.clone(),
                    vm.vcpus.to_string(),
                    vm.exits.to_string(),
                    csv::cell(vm.cycles),
                    csv::cell(vm.exits_per_second),
                    csv::cell(vm.top_reason.clone()),
                    vm.gone.to_string(),
                    csv::cell(vm.user_cycles),
                    csv::cell(vm.top_reason_by_time.clone()),
                    csv::cell(vm.identity.name.clone()),
                    csv::cell(vm.identity.uuid.clone()),
                    csv::cell(vm.identity.id.clone()),
                    csv::cell(vm.identity.namespace.clone()),
                    csv::cell(vm.identity.pod.clone()),
                    csv::cell(vm.identity.container.clone()),
                ]
            });
            csv::write(out, std::iter::once(header).chain(rows))?;
        }
        Format::Table if vms.is_empty() => match &args.name {
            Some(name) => writeln!(out, "No VM matches the name {name:?}.")?,
            None => writeln!(out, "No VM exits have been counted.")?,
        },
        Format::Table => {
            let columns = [
                Column::number("vm"),
                Column::text("name"),
                Column::number("pid").goes(2),
                Column::text("process").goes(0),
                Column::number("vCPUs").goes(1),
                Column::number("exits").goes(3),
                Column::number("exits/s"),
                Column::number(format!("kernel({})", by.unit())),
                Column::number(format!("user({})", by.unit())),
                Column::text("top reason").goes(4),
                Column::text(""),
            ];
            let rate = |rate: Option<f64>| rate.map_or_else(|| "-".to_owned(), table::rate);
            let or_none = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
            let (shown, more) = vms.split_at(args.rows.unwrap_or(vms.len()).min(vms.len()));
            let mut rows: Vec<_> = shown
                .iter()
                .map(|vm| {
                    vec![
                        vm.vm.to_string(),
                        vm.name().to_owned(),
                        vm.pid.to_string(),
                        vm.process.clone(),
                        vm.vcpus.to_string(),
                        vm.exits.to_string(),
                        rate(vm.exits_per_second),
                        or_none(vm.cycles),
                        or_none(vm.user_cycles),
                        vm.top_reason_by_time.clone().unwrap_or_default(),
                        if vm.gone { "gone" } else { "" }.to_owned(),
                    ]
                })
                .collect();
            if !more.is_empty() {
                rows.push(vec![
                    String::new(),
                    format!("{} more (-n)", more.len()),
                    String::new(),
                    String::new(),
                    or_none(sum(more, |vm| u64::try_from(vm.vcpus).ok())),
                    or_none(sum(more, |vm| Some(vm.exits))),
                    rate(sum(more, |vm| vm.exits_per_second)),
                    or_none(sum(more, |vm| vm.cycles)),
                    or_none(sum(more, |vm| vm.user_cycles)),
                    String::new(),
                    String::new(),
                ]);
            }
            table::write(out, &columns, &rows, width())?;
        }
    }
    out.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vm(vm: u64, process: &str, cycles: u64, user_cycles: u64, exits: u64) -> Vm {
        Vm {
            vm,
            pid: 1,
            process: process.to_owned(),
            vcpus: 5 - vm as usize,
            exits,
            cycles: Some(cycles),
            exits_per_second: Some(1.0 / vm as f64),
            top_reason: None,
            gone: false,
            user_cycles: Some(user_cycles),
            top_reason_by_time: None,
            identity: About::default(),
        }
    }

    #[test]
    fn each_order_is_its_own() {
        let vms = || {
            vec![
                vm(1, "qemu", 10, 90, 5),
                vm(2, "Firecracker", 80, 1, 7),
                vm(3, "crosvm", 50, 55, 6),
            ]
        };
        let order = |sort| {
            choose(vms(), None, sort)
                .iter()
                .map(|vm| vm.vm)
                .collect::<Vec<_>>()
        };
        assert_eq!(order(VmSort::Vm), [1, 2, 3]);
        assert_eq!(order(VmSort::Name), [2, 3, 1]);
        assert_eq!(order(VmSort::Time), [3, 1, 2]);
        assert_eq!(order(VmSort::Cycles), [2, 3, 1]);
        assert_eq!(order(VmSort::UserCycles), [1, 3, 2]);
        assert_eq!(order(VmSort::Exits), [2, 3, 1]);
        assert_eq!(order(VmSort::Rate), [1, 2, 3]);
        assert_eq!(order(VmSort::Vcpus), [1, 2, 3]);
        let found = choose(vms(), Some("FIRE"), VmSort::Vm);
        assert_eq!(found.iter().map(|vm| vm.vm).collect::<Vec<_>>(), [2]);
    }
}
