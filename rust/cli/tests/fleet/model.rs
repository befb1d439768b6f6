// SPDX-License-Identifier: GPL-2.0

//! Hosts of a fleet, their recordings, and Prometheus's expected samples of them.

use crate::common::{entry, named, Host, WEB};
use exitstat_core::{isa::Isa, snapshot::SOURCE_BPF};
use std::collections::{BTreeMap, BTreeSet};

pub type Labels = BTreeMap<String, String>;

/// Number of snapshots in each recording. Each adds the same exits.
pub const SNAPSHOTS: u64 = 3;

/// Exits of a VM for one reason, between two snapshots.
#[derive(Clone, Copy)]
pub struct Exits {
    reason: u32,
    name: &'static str,
    exits: u64,
    cycles: u64,
    user: u64,
    /// The MSR that they write, with its name.
    key: Option<(u64, &'static str)>,
}

#[derive(Clone)]
pub struct Vm {
    id: u64,
    name: Option<String>,
    vcpus: u32,
    exits: Vec<Exits>,
    /// Whether it ends before the last snapshot.
    ends: bool,
}

#[derive(Clone)]
pub struct Machine {
    n: u64,
    amd: bool,
    bpf: bool,
    khz: u32,
    vms: Vec<Vm>,
}

/// Twenty hosts. VMs of several hosts have the same numbers, and some have the same names.
pub fn fleet() -> Vec<Machine> {
    (0..20).map(Machine::new).collect()
}

/// The same hosts a week ago. All VMs have started again since: they had other numbers.
pub fn fleet_of_last_week() -> Vec<Machine> {
    let mut fleet = fleet();
    for vm in fleet.iter_mut().flat_map(|host| &mut host.vms) {
        vm.id += 100;
    }
    fleet
}

impl Machine {
    fn new(n: u64) -> Self {
        let amd = n % 4 == 3;
        let bpf = amd || n % 5 == 1;
        // Hosts of the same model differ slightly.
        let khz = [2_399_998, 2_400_002, 1_999_998, 3_100_000][(n % 4) as usize];
        let mut machine = Self {
            n,
            amd,
            bpf,
            khz: if bpf { 1_000_000 } else { khz },
            vms: Vec::new(),
        };
        machine.vms = (1..=2 + n % 3).map(|id| machine.vm(id)).collect();
        machine
    }

    fn vm(&self, id: u64) -> Vm {
        let n = self.n;
        // Converts microseconds to the host's unit.
        let us = |us: u64| us * u64::from(self.khz) / 1000;
        let row = |reason, name, exits, cycles, user| Exits {
            reason,
            name,
            exits,
            cycles,
            user,
            key: None,
        };
        // No two VMs have the same rates.
        let few = 211 + 97 * n + 13 * id;
        let mut exits = if self.amd {
            vec![
                row(0x72, "CPUID", few, us(1), 0),
                row(0x78, "HLT", 3 * few + n, us(7), 0),
                row(0x7b, "IOIO", few / 2, us(9 + n), few / 3),
                row(0x400, "NPF", 2 * few, us(20), n),
            ]
        } else {
            vec![
                row(10, "CPUID", few, us(1), 0),
                row(12, "HLT", 3 * few + n, us(5), 0),
                row(30, "IO_INSTRUCTION", few / 2, us(9 + n), few / 3),
                row(48, "EPT_VIOLATION", 2 * few, us(30), n),
            ]
        };
        // Exits that trigger alerts.
        exits.extend(match (n, id) {
            (0, 1) => vec![Exits {
                key: Some((0x6e0, "0x6e0 IA32_TSC_DEADLINE")),
                ..row(32, "MSR_WRITE", 500, us(1), 0)
            }],
            (2, 2) => vec![Exits {
                key: Some((0x830, "0x830 x2APIC ICR")),
                ..row(32, "MSR_WRITE", 700, us(2), 0)
            }],
            (5, 1) => vec![row(40, "PAUSE_INSTRUCTION", 9000, us(3), 0)],
            (1, 2) => vec![row(74, "BUS_LOCK", 40, us(4), 0)],
            (4, 1) => vec![
                row(2, "TRIPLE_FAULT", 1, us(90), 1),
                row(35, "UNDEFINED_35", 2, us(1), 0),
            ],
            (6, 2) => vec![row(33, "INVALID_STATE", 1, us(2), 0)],
            (8, 1) => vec![row(52, "PREEMPTION_TIMER", 1000, us(9000), 1)],
            (9, 1) => vec![row(49, "EPT_MISCONFIG", 60_000, us(2), 60_000)],
            _ => Vec::new(),
        });
        // VM 1 is web on all hosts, VM 2 has no name on each third, and two VMs of host 8 have one name.
        let name = match (n, id) {
            (_, 1) => Some("web".to_owned()),
            (8, 3) => Some("web".to_owned()),
            (n, 2) if n % 3 == 0 => None,
            (n, id) => Some(format!("db-{n}-{id}")),
        };
        Vm {
            id,
            name,
            vcpus: 1 + (id % 2) as u32,
            exits,
            ends: n == 12 && id == 2,
        }
    }

    pub fn instance(&self) -> String {
        format!("host-{:02}", self.n)
    }

    /// Returns whether its module captures keys.
    pub fn has_keys(&self) -> bool {
        let mut exits = self.vms.iter().flat_map(|vm| &vm.exits);
        exits.any(|exits| exits.key.is_some())
    }

    pub fn recording(&self) -> Vec<u8> {
        let mut host = Host::new(1);
        host.khz = self.khz;
        host.unattached = self.unattached();
        host.process = *b"qemu-0000000000\0";
        host.process[5..12].copy_from_slice(self.instance().as_bytes());
        if self.amd {
            host.isa = Isa::Svm;
        }
        if self.bpf {
            host.source = SOURCE_BPF;
        }
        let mut snapshots = Vec::new();
        for n in 0..SNAPSHOTS {
            for vm in self.vms.iter().filter(|vm| vm.is_there(n + 1)) {
                for (m, row) in vm.exits.iter().enumerate() {
                    let vcpu = m as u32 % vm.vcpus;
                    match row.key {
                        Some((key, _)) => {
                            let about = (row.reason, key, 0);
                            host.about((vm.id, vcpu), about, row.exits, row.cycles, row.user);
                        }
                        None => {
                            let who = (vcpu % 2, vm.id, vcpu);
                            host.exits(who, row.reason, row.exits, row.cycles, row.user);
                        }
                    }
                }
            }
            let gone = self.vms.iter().filter(|vm| !vm.is_there(n + 1));
            gone.for_each(|vm| host.end(vm.id));
            snapshots.push(host.snapshot(n * 1000));
        }
        let names = self.vms.iter().filter_map(|vm| {
            let name = vm.name.as_deref()?;
            Some((0, entry(vm.id, name, (vm.id == 1).then_some(WEB))))
        });
        named(&snapshots, &names.collect::<Vec<_>>())
    }

    fn unattached(&self) -> u64 {
        self.n % 3
    }

    fn seconds(&self, cycles: u64) -> f64 {
        cycles as f64 / (f64::from(self.khz) * 1e3)
    }

    /// Returns the maximum number of series of a scrape according to docs/metrics.md.
    pub fn most_series(&self) -> usize {
        let of = |vms: &[Vm]| -> BTreeSet<u32> {
            let exits = vms.iter().flat_map(|vm| &vm.exits);
            exits.map(|exits| exits.reason).collect()
        };
        let vms = self.vms.iter().map(|vm| 2 + 6 * vm.exits.len());
        5 + 32 * of(&self.vms).len() + vms.sum::<usize>() + 40 * 6
    }
}

impl Vm {
    fn is_there(&self, snapshot: u64) -> bool {
        !self.ends || snapshot < SNAPSHOTS
    }
}

/// A series with its value.
pub struct Sample {
    pub metric: &'static str,
    pub labels: Labels,
    pub value: f64,
}

/// Expected samples of all hosts, after a number of snapshots.
pub struct Expected {
    pub samples: Vec<Sample>,
    /// Exit durations in seconds with their numbers of exits, by host, vendor and name.
    durations: BTreeMap<[String; 3], Vec<(f64, u64)>>,
}

/// The result of a query.
pub type Vector = BTreeMap<Labels, f64>;

impl Expected {
    pub fn after(fleet: &[Machine], snapshots: u64) -> Self {
        let mut all = Self {
            samples: Vec::new(),
            durations: BTreeMap::new(),
        };
        fleet.iter().for_each(|host| all.add(host, snapshots));
        all
    }

    fn add(&mut self, host: &Machine, snapshots: u64) {
        let vendor = if host.amd { "amd" } else { "intel" };
        let instance = host.instance();
        let mut put = |metric, labels: &[(&str, &str)], value| {
            let labels = labels.iter().map(|&(k, v)| (k.to_owned(), v.to_owned()));
            let instance = ("instance".to_owned(), instance.clone());
            let labels = labels.chain([instance]).collect();
            self.samples.push(Sample {
                metric,
                labels,
                value,
            });
        };
        put("unattached_vcpus", &[], host.unattached() as f64);
        let mut undefined = 0;
        for vm in &host.vms {
            let (id, pid) = (vm.id.to_string(), (1000 + vm.id).to_string());
            let process = format!("qemu-{instance}000");
            if vm.is_there(snapshots) {
                let mut labels = vec![("vm", &*id), ("pid", &pid), ("process", &process)];
                labels.extend(vm.name.as_deref().map(|name| ("vm_name", name)));
                put("vm_info", &labels, 1.0);
                let used = vm.exits.len().min(vm.vcpus as usize);
                put("vm_vcpus", &[("vm", &id)], used as f64);
            }
            let many = snapshots.min(if vm.ends { SNAPSHOTS - 1 } else { SNAPSHOTS });
            for row in &vm.exits {
                let number = row.reason.to_string();
                let reason = [("reason", &*number), ("name", row.name), ("vendor", vendor)];
                let exits = (row.exits * many) as f64;
                let handling = host.seconds(row.exits * row.cycles * many);
                let user = host.seconds(row.user * 9000 * many);
                put("host_exits_total", &reason, exits);
                put("host_handling_seconds_total", &reason, handling);
                put("host_user_seconds_total", &reason, user);
                if vm.is_there(snapshots) {
                    let of_vm: Vec<_> = reason.into_iter().chain([("vm", &*id)]).collect();
                    put("exits_total", &of_vm, exits);
                    put("handling_seconds_total", &of_vm, handling);
                    put("user_seconds_total", &of_vm, user);
                }
                if let Some((_, what)) = row.key {
                    let of_key: Vec<_> = reason.into_iter().chain([("what", what)]).collect();
                    put("host_key_exits_total", &of_key, exits);
                    put("host_key_handling_seconds_total", &of_key, handling);
                }
                if row.name.starts_with("UNDEFINED") {
                    undefined += row.exits * many;
                }
                let of = [instance.clone(), vendor.to_owned(), row.name.to_owned()];
                let durations = self.durations.entry(of).or_default();
                durations.push((host.seconds(row.cycles), row.exits * many));
            }
        }
        put("undefined_exits_total", &[], undefined as f64);
    }

    /// Sums a metric by some labels, over the series whose reason's name satisfies `is`.
    pub fn sum_if(&self, metric: &str, by: &[&str], is: impl Fn(&str) -> bool) -> Vector {
        let mut sums = Vector::new();
        for sample in &self.samples {
            let name = sample.labels.get("name").map_or("", String::as_str);
            if sample.metric == metric && is(name) {
                let labels = sample.labels.iter();
                let labels = labels.filter(|(label, _)| by.contains(&label.as_str()));
                let labels = labels.map(|(k, v)| (k.clone(), v.clone())).collect();
                *sums.entry(labels).or_default() += sample.value;
            }
        }
        sums
    }

    pub fn sum(&self, metric: &str, by: &[&str]) -> Vector {
        self.sum_if(metric, by, |_| true)
    }

    /// The sums of a metric by host and VM name, or the name of the process if the VM has none.
    pub fn sum_by_vm_name(&self, metric: &str) -> Vector {
        let mut sums = Vector::new();
        for (of, value) in self.sum(metric, &["instance", "vm"]) {
            let mut infos = self.samples.iter().filter(|info| info.metric == "vm_info");
            let same = |info: &&Sample| of.iter().all(|(k, v)| info.labels.get(k) == Some(v));
            let labels = &infos.find(same).unwrap().labels;
            let name = labels.get("vm_name").unwrap_or(&labels["process"]);
            let name = ("vm_name".to_owned(), name.clone());
            let instance = ("instance".to_owned(), of["instance"].clone());
            *sums.entry(Labels::from([instance, name])).or_default() += value;
        }
        sums
    }

    /// What 99 % of exits did not exceed, by two labels of `instance`, `vendor` and `name`.
    pub fn p99(&self, by: &[&str]) -> Vector {
        let mut all: BTreeMap<Labels, Vec<(f64, u64)>> = BTreeMap::new();
        for (of, durations) in &self.durations {
            let labels = ["instance", "vendor", "name"].into_iter().zip(of);
            let labels = labels.filter(|(label, _)| by.contains(label));
            let labels = labels.map(|(k, v)| (k.to_owned(), v.clone())).collect();
            all.entry(labels).or_default().extend(durations);
        }
        let p99 = |mut durations: Vec<(f64, u64)>| {
            durations.sort_by(|a, b| a.0.total_cmp(&b.0));
            let many: u64 = durations.iter().map(|duration| duration.1).sum();
            let rank = (many * 99).div_ceil(100);
            let mut up_to = 0;
            let found = durations.into_iter().find(|duration| {
                up_to += duration.1;
                up_to >= rank
            });
            found.unwrap().0
        };
        all.into_iter().map(|(l, d)| (l, p99(d))).collect()
    }
}

/// Returns `a op on (labels of b) b`, for the series of `a` that have one in `b`.
pub fn join(a: &Vector, b: &Vector, op: impl Fn(f64, f64) -> f64) -> Vector {
    let joined = a.iter().filter_map(|(labels, &a)| {
        let has = |other: &Labels| other.iter().all(|(k, v)| labels.get(k) == Some(v));
        let (_, &b) = b.iter().find(|(other, _)| has(other))?;
        Some((labels.clone(), op(a, b)))
    });
    joined.collect()
}

/// Returns `topk(many, vector)`.
pub fn top(many: usize, vector: &Vector) -> Vector {
    let mut all: Vec<_> = vector.iter().collect();
    all.sort_by(|a, b| b.1.total_cmp(a.1));
    let top = all.into_iter().take(many);
    top.map(|(labels, &value)| (labels.clone(), value))
        .collect()
}

/// Returns `vector > least`.
pub fn above(least: f64, vector: &Vector) -> Vector {
    let above = vector.iter().filter(|(_, &value)| value > least);
    above
        .map(|(labels, &value)| (labels.clone(), value))
        .collect()
}
