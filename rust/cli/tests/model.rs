// SPDX-License-Identifier: GPL-2.0

//! Sums and differences of samples, compared with hosts whose exits are known.

mod common;

use common::{recording, Host};
use exitstat_cli::{
    model::{Counters, Histogram, Longest, Period, Sample, Scope, Unknown},
    reason::Reason,
    source::recording::{Reader, Recording},
};
use exitstat_core::{
    histogram::bucket_of,
    snapshot::{Header, Malformed, BUCKETS},
};
use proptest::{collection::vec, prelude::*};
use std::collections::{BTreeMap, BTreeSet};

/// An event on a host.
#[derive(Clone, Debug)]
enum Event {
    Exits {
        at: (u32, u64, u32),
        reason: u32,
        exits: u64,
        cycles: u64,
        user: u64,
    },
    End(u64),
    Snapshot,
    Reload,
}

fn event() -> impl Strategy<Value = Event> {
    let at = (0u32..2, 1u64..4, 0u32..3);
    let exits = (at, 0u32..=86, 1u64..50, 0u64..1 << 20, 0u64..10).prop_map(
        |(at, reason, exits, cycles, user)| Event::Exits {
            at,
            reason,
            exits,
            cycles,
            user,
        },
    );
    prop_oneof![
        12 => exits,
        1 => (1u64..4).prop_map(Event::End),
        4 => Just(Event::Snapshot),
        1 => Just(Event::Reload),
    ]
}

type Expected = BTreeMap<u32, (u64, u64, u64)>;

/// Returns the expected counters by reason between the first and the last snapshot, and the snapshots. Exits
/// that a reload loses are not expected.
fn play(events: &[Event]) -> (Expected, Vec<Vec<u8>>) {
    let mut host = Host::new(1);
    let mut snapshots = vec![host.snapshot(0)];
    // VM numbers are never reused.
    let mut ended = 0;
    let (mut expected, mut pending) = (Expected::new(), Expected::new());
    let mut take = |host: &Host, pending: &mut Expected, snapshots: &mut Vec<_>| {
        snapshots.push(host.snapshot(1000 * snapshots.len() as u64));
        for (reason, (exits, cycles, user)) in std::mem::take(pending) {
            let sum = expected.entry(reason).or_default();
            *sum = (sum.0 + exits, sum.1 + cycles, sum.2 + user);
        }
    };
    for event in events {
        match *event {
            Event::Exits {
                at: (cpu, vm, vcpu),
                reason,
                exits,
                cycles,
                user,
            } => {
                let user = user.min(exits);
                host.exits((cpu, vm + 10 * ended, vcpu), reason, exits, cycles, user);
                let sum = pending.entry(reason).or_default();
                *sum = (sum.0 + exits, sum.1 + exits * cycles, sum.2 + user);
            }
            Event::End(vm) => {
                host.end(vm + 10 * ended);
                if vm == 1 {
                    for vm in 2..4 {
                        host.end(vm + 10 * ended);
                    }
                    ended += 1;
                }
            }
            Event::Snapshot => take(&host, &mut pending, &mut snapshots),
            Event::Reload => {
                host = Host::new(host.load + 1);
                pending.clear();
            }
        }
    }
    take(&host, &mut pending, &mut snapshots);
    (expected, snapshots)
}

proptest! {
    /// VMs that end, vCPUs that begin and end between two snapshots, module reloads: nothing is lost or counted
    /// twice, neither by CPUs nor by vCPUs.
    #[test]
    fn a_recordings_sums_are_what_happened(events in vec(event(), 0..80)) {
        let (expected, snapshots) = play(&events);
        let bytes = recording(&snapshots);
        let recording = Recording::of(Reader::new(bytes.as_slice()).unwrap()).unwrap();
        prop_assert_eq!(recording.snapshots, snapshots.len() as u64);
        let lines = recording.period.counts.lines(Scope::Host).unwrap();
        let by_cpus: Expected = lines
            .iter()
            .map(|(&reason, line)| {
                let user = line.detail.as_ref().unwrap().user_exits;
                (reason.number, (line.tally.exits, line.tally.cycles, user))
            })
            .collect();
        prop_assert_eq!(&by_cpus, &expected);
        let by_vcpus = recording.period.counts.by_vcpus(Scope::Host).unwrap();
        for (reason, counters) in by_vcpus.iter() {
            let seen = (counters.exits, counters.cycles, counters.user_exits);
            prop_assert_eq!(Some(&seen), expected.get(&reason.number));
            prop_assert_eq!(counters.histogram.buckets().iter().sum::<u64>(), counters.exits);
        }
    }

    /// Works with any stored buckets.
    #[test]
    fn histograms_are_added_and_subtracted_bucket_by_bucket(
        a in vec((0..BUCKETS, any::<u64>()), 0..4),
        b in vec((0..BUCKETS, any::<u64>()), 0..4),
    ) {
        let buckets = |few: Vec<(usize, u64)>| {
            let mut all = [0; BUCKETS];
            few.into_iter().for_each(|(bucket, exits)| all[bucket] = exits);
            all
        };
        let (a, b) = (buckets(a), buckets(b));
        let counters = |all: [u64; BUCKETS]| Counters {
            histogram: all.into(),
            ..Counters::default()
        };
        let mut sum = counters(a);
        prop_assert_eq!(sum.histogram.buckets(), a);
        sum.add(&counters(b));
        let expected: [u64; BUCKETS] = std::array::from_fn(|n| a[n].wrapping_add(b[n]));
        prop_assert_eq!(sum.histogram.buckets(), expected);
        prop_assert_eq!(sum.histogram.is_zero(), expected == [0; BUCKETS]);
        sum.subtract(&counters(b));
        prop_assert_eq!(sum.histogram, Histogram::from(a));
    }

    /// Holds for counters since the module was loaded and for those of an interval.
    #[test]
    fn percentiles_are_upper_bounds(
        before in vec((0u32..2, 1u64..4, 0u64..1 << 20), 0..9),
        after in vec((0u32..2, 1u64..4, 0u64..1 << 20), 1..30),
        shift in 0u32..15,
        percent in 0u32..=100,
    ) {
        let mut host = Host::new(1);
        let (mut all, mut new) = (Vec::new(), Vec::new());
        let take = |host: &mut Host, exits: &[(u32, u64, u64)], lists: &mut [&mut Vec<u64>]| {
            for &(vcpu, exits, cycles) in exits {
                let cycles = cycles >> shift;
                host.exits((0, 5, vcpu), 10, exits, cycles, 0);
                for list in &mut *lists {
                    list.extend((0..exits).map(|_| cycles));
                }
            }
        };
        take(&mut host, &before, &mut [&mut all]);
        let first = Sample::parse(&host.snapshot(0)).unwrap();
        take(&mut host, &after, &mut [&mut all, &mut new]);
        let second = Sample::parse(&host.snapshot(500)).unwrap();
        let periods = [Period::since_load(second.clone()), Period::between(&first, &second)];
        for (period, mut cycles) in periods.iter().zip([all, new]) {
            cycles.sort_unstable();
            let total = period.counts.by_vcpus(Scope::Vm(5)).unwrap().total();
            let told = |percent| total.percentile(percent).unwrap();
            let exact = cycles[(cycles.len() * percent as usize).div_ceil(100).max(1) - 1];
            prop_assert!(told(percent) >= exact);
            prop_assert!(told(percent) <= (2 * exact).max(127));
            prop_assert!(told(percent) <= told(percent + 1));
            prop_assert!(told(100) * total.exits >= total.cycles);
            if let Some(max) = total.max {
                prop_assert_eq!(max, cycles[cycles.len() - 1]);
                prop_assert!(told(percent) <= max);
            }
        }
    }

    #[test]
    fn a_vms_interval_is_that_of_its_vcpus(
        before in vec((0u32..4, 1u64..9, 0u64..5000), 0..9),
        after in vec((0u32..4, 1u64..9, 0u64..5000), 0..9),
    ) {
        let mut host = Host::new(1);
        host.exits((0, 5, 0), 1, 1, 1, 0);
        for (vcpu, exits, cycles) in before {
            host.exits((0, 5, vcpu), 10, exits, cycles, 0);
        }
        let first = Sample::parse(&host.snapshot(0)).unwrap();
        let (mut sum, mut top) = (0, None);
        for (vcpu, exits, cycles) in after {
            host.exits((1, 5, vcpu), 10, exits, cycles, 0);
            host.exits((1, 6, vcpu), 10, exits, cycles, 0);
            sum += exits;
            top = top.max(Some(bucket_of(cycles)));
        }
        let second = Sample::parse(&host.snapshot(500)).unwrap();
        let period = Period::between(&first, &second);
        prop_assert_eq!(period.seconds.unwrap().0, 0.5);
        let reasons = period.counts.by_vcpus(Scope::Vm(5)).unwrap();
        let counters = reasons.get(Reason::vmx(10)).cloned().unwrap_or_default();
        prop_assert_eq!(counters.exits, sum);
        prop_assert_eq!(counters.longest(), top.map(Longest::InBucket));
        let cpu = period.counts.by_cpus(Scope::Cpu(1)).unwrap();
        prop_assert_eq!(cpu.total().exits, 2 * sum);
    }
}

#[test]
fn the_longest_exit_is_known_only_since_the_load() {
    let mut host = Host::new(1);
    host.exits((0, 1, 0), 10, 1, 5000, 0);
    let first = Sample::parse(&host.snapshot(0)).unwrap();
    host.exits((0, 1, 0), 10, 1, 300, 0);
    host.exits((0, 2, 0), 10, 1, 400, 0);
    let second = Sample::parse(&host.snapshot(1000)).unwrap();
    let longest = |period: &Period, scope| {
        let reasons = period.counts.by_vcpus(scope).unwrap();
        reasons.total().longest()
    };
    let all = Period::since_load(second.clone());
    assert_eq!(longest(&all, Scope::Host), Some(Longest::Exactly(5000)));
    assert_eq!(longest(&all, Scope::Vm(2)), Some(Longest::Exactly(400)));
    let interval = Period::between(&first, &second);
    for scope in [Scope::Host, Scope::Vm(1), Scope::Vm(2)] {
        assert_eq!(longest(&interval, scope), Some(Longest::InBucket(8)));
    }
}

#[test]
fn no_percentile_is_above_the_longest_exit() {
    let mut host = Host::new(1);
    host.exits((0, 1, 0), 10, 100, 1025, 0);
    let sample = Sample::parse(&host.snapshot(0)).unwrap();
    let total = sample.counts.by_vcpus(Scope::Host).unwrap().total();
    assert_eq!(total.percentile(99), Some(1025));
}

/// The sum of a single exit is exact, even if its maximum is unknown.
#[test]
fn of_one_exit_all_percentiles_are_what_it_took() {
    let mut host = Host::new(1);
    host.exits((0, 1, 0), 46, 7, 300, 0);
    let first = Sample::parse(&host.snapshot(0)).unwrap();
    host.exits((0, 1, 0), 46, 1, 4042, 0);
    let second = Sample::parse(&host.snapshot(1000)).unwrap();
    let period = Period::between(&first, &second);
    let total = period.counts.by_vcpus(Scope::Vm(1)).unwrap().total();
    for percent in [0, 50, 99, 100] {
        assert_eq!(total.percentile(percent), Some(4042), "{percent}");
    }
}

#[test]
fn counters_that_wrapped_are_differenced() {
    let mut host = Host::new(1);
    host.exits((0, 1, 0), 10, 3, u64::MAX / 3, 0);
    let first = Sample::parse(&host.snapshot(0)).unwrap();
    // 2^64 - 1 and 1.
    let mut second = first.clone();
    for vcpu in second.counts.vcpus.values_mut() {
        let mut more = vcpu.reasons.get(Reason::vmx(10)).unwrap().clone();
        more.cycles = 2;
        more.exits = 1;
        more.histogram = Histogram::default();
        vcpu.reasons.count(Reason::vmx(10), more);
    }
    let period = Period::between(&first, &second);
    let total = period.counts.by_vcpus(Scope::Vm(1)).unwrap().total();
    assert_eq!((total.exits, total.cycles), (1, 2));
}

#[test]
fn what_a_process_calls_itself_is_nothing_that_a_terminal_obeys() {
    let mut host = Host::new(1);
    host.exits((0, 1, 0), 10, 1, 1, 0);
    let mut bytes = host.snapshot(0);
    let at = bytes.windows(4).position(|word| word == b"qemu").unwrap();
    bytes[at] = 0x1b;
    let sample = Sample::parse(&bytes).unwrap();
    assert_eq!(sample.counts.vcpus[&(1, 0)].process, "?emu-system-x86");
    assert_eq!(sample.module_version(), "0.1.0");
}

#[test]
fn a_damaged_record_is_an_error_not_half_a_sample() {
    let mut host = Host::new(1);
    host.exits((0, 1, 0), 10, 1, 1, 0);
    let bytes = host.snapshot(0);
    assert!(Sample::parse(&bytes).is_ok());
    for length in 0..bytes.len() {
        assert!(Sample::parse(&bytes[..length]).is_err(), "{length}");
    }
    let mut damaged = bytes;
    // The size of the first record.
    damaged[Header::SIZE + 4] = 0xff;
    assert_eq!(Sample::parse(&damaged), Err(Malformed::Damaged));
}

/// BPF numbers VMs by their processes. Consecutive VMs of a process count as one.
#[test]
fn another_vm_of_the_same_number_goes_on_with_the_one_before() {
    let mut host = Host::new(1);
    host.exits((0, 5, 0), 10, 1000, 10, 1);
    let first = Sample::parse(&host.snapshot(0)).unwrap();
    host.exits((0, 5, 0), 10, 7, 10, 0);
    host.end(5);
    host.exits((1, 5, 0), 10, 200, 10, 0);
    let second = Sample::parse(&host.snapshot(1000)).unwrap();
    let counts = Period::between(&first, &second).counts;
    let exits = |reasons: Option<exitstat_cli::model::Reasons>| reasons.unwrap().total().exits;
    assert_eq!(exits(counts.by_vcpus(Scope::Vm(5))), 207);
    assert_eq!(exits(counts.by_vcpus(Scope::Host)), 207);
    assert_eq!(exits(counts.by_cpus(Scope::Host)), 207);
}

/// Events of VMs. Each place has one VM at a time.
#[derive(Clone, Debug)]
enum Life {
    Exits(usize, u32, u32, u64, u64),
    /// The VM's first vCPU ends, and the VM takes no more exits.
    Tear(usize),
    End(usize),
    Snapshot,
}

fn life() -> impl Strategy<Value = Life> {
    let vm = || 0usize..3;
    prop_oneof![
        8 => (vm(), 0u32..3, 10u32..13, 1u64..50, 0u64..1 << 20)
            .prop_map(|(vm, vcpu, reason, exits, cycles)| Life::Exits(vm, vcpu, reason, exits, cycles)),
        1 => vm().prop_map(Life::Tear),
        2 => vm().prop_map(Life::End),
        4 => Just(Life::Snapshot),
    ]
}

/// Exits and cycles by VM and reason.
type ByVm = BTreeMap<u64, BTreeMap<u32, (u64, u64)>>;

/// The VMs' history.
#[derive(Default)]
struct Lives {
    snapshots: Vec<Vec<u8>>,
    /// Counters since the first snapshot.
    truth: ByVm,
    /// vCPUs in the last snapshot.
    there: BTreeSet<(u64, u32)>,
    /// vCPUs that have ended since then.
    gone: Vec<(u64, u32)>,
    /// VMs that ended between the same snapshots as others.
    together: BTreeSet<u64>,
    /// VMs that ended while vCPUs of other VMs began and ended between the same snapshots.
    beside_unseen: BTreeSet<u64>,
    /// VMs with a vCPU that began and ended between two snapshots, unless this VM, and no other, also had a
    /// vCPU in the first of them that ended.
    cut: BTreeSet<u64>,
}

impl Lives {
    fn snapshot(&mut self, host: &Host, vcpus: &BTreeSet<(u64, u32)>) {
        self.snapshots
            .push(host.snapshot(1000 * self.snapshots.len() as u64));
        let vms = |seen: bool| -> BTreeSet<u64> {
            let gone = self.gone.iter();
            let gone = gone.filter(|vcpu| self.there.contains(vcpu) == seen);
            gone.map(|vcpu| vcpu.0).collect()
        };
        let (seen, unseen) = (vms(true), vms(false));
        if seen.len() > 1 {
            self.together.extend(&seen);
        }
        let beside = seen
            .iter()
            .filter(|&vm| unseen.iter().any(|other| other != vm));
        self.beside_unseen.extend(beside);
        let alone = |vm: &u64| seen.len() == 1 && seen.contains(vm);
        self.cut.extend(unseen.iter().filter(|vm| !alone(vm)));
        self.gone.clear();
        self.there.clone_from(vcpus);
    }

    fn of(lives: &[Life]) -> Self {
        let mut host = Host::new(1);
        let mut all = Self::default();
        let mut vms = [None; 3];
        let mut torn = BTreeSet::new();
        let mut vcpus = BTreeSet::<(u64, u32)>::new();
        let mut next = 1;
        let first = lives.iter().position(|life| matches!(life, Life::Snapshot));
        for (n, life) in lives.iter().enumerate() {
            match *life {
                Life::Exits(vm, vcpu, reason, exits, cycles) => {
                    let vm = *vms[vm].get_or_insert_with(|| {
                        next += 1;
                        next - 1
                    });
                    if torn.contains(&vm) {
                        continue;
                    }
                    host.exits((0, vm, vcpu), reason, exits, cycles, 0);
                    vcpus.insert((vm, vcpu));
                    if first.is_some_and(|first| n > first) {
                        let sum = all.truth.entry(vm).or_default().entry(reason).or_default();
                        *sum = (sum.0 + exits, sum.1 + exits * cycles);
                    }
                }
                Life::Tear(vm) => {
                    let Some(vm) = vms[vm] else { continue };
                    let first = vcpus.range((vm, 0)..=(vm, u32::MAX)).next().copied();
                    if let Some(vcpu) = first {
                        host.end_vcpu(vcpu);
                        vcpus.remove(&vcpu);
                        all.gone.push(vcpu);
                        torn.insert(vm);
                    }
                }
                Life::End(vm) => {
                    let Some(vm) = vms[vm].take() else { continue };
                    host.end(vm);
                    let gone = vcpus.range((vm, 0)..=(vm, u32::MAX)).copied();
                    all.gone.extend(gone);
                    vcpus.retain(|vcpu| vcpu.0 != vm);
                }
                Life::Snapshot => all.snapshot(&host, &vcpus),
            }
        }
        all.snapshot(&host, &vcpus);
        all
    }
}

proptest! {
    /// A VM has all its exits until its end, unless another VM ended between the same snapshots.
    #[test]
    fn last_exits_are_those_of_the_vm_that_ended(lives in vec(life(), 0..60)) {
        let lives = Lives::of(&lives);
        let bytes = recording(&lives.snapshots);
        let recording = Recording::of(Reader::new(bytes.as_slice()).unwrap()).unwrap();
        prop_assume!(recording.snapshots > 1);
        let counts = &recording.period.counts;
        let by_reason = |reasons: &exitstat_cli::model::Reasons| -> BTreeMap<u32, (u64, u64)> {
            let reasons = reasons.iter().filter(|(_, counters)| counters.exits > 0);
            reasons
                .map(|(reason, counters)| (reason.number, (counters.exits, counters.cycles)))
                .collect()
        };
        let seen: BTreeSet<u64> = lives
            .snapshots
            .iter()
            .flat_map(|bytes| Sample::parse(bytes).unwrap().counts.vms())
            .collect();
        prop_assert_eq!(counts.vms(), seen.iter().copied().collect::<Vec<_>>());
        let mut host = counts.retired.clone();
        for vm in seen {
            let reasons = counts.by_vcpus(Scope::Vm(vm)).unwrap();
            host.add(&reasons);
            let (found, none) = (by_reason(&reasons), BTreeMap::new());
            let truth = lives.truth.get(&vm).unwrap_or(&none);
            let known = counts.unknown_last_exits(Scope::Vm(vm)).is_none();
            let whole = known && !lives.cut.contains(&vm);
            if !lives.together.contains(&vm) {
                prop_assert!(known, "VM {}", vm);
            }
            if whole && !lives.beside_unseen.contains(&vm) {
                prop_assert_eq!(&found, truth, "VM {}", vm);
            }
            for (reason, (exits, cycles)) in truth {
                let found = found.get(reason).copied().unwrap_or_default();
                if whole {
                    prop_assert!(found.0 >= *exits && found.1 >= *cycles, "VM {}", vm);
                }
            }
            // The vCPUs of a VM never have more than the VM.
            let vcpus = counts.vcpus_of(vm).map(|(vcpu, _)| (vm, vcpu));
            let known = vcpus.filter(|&id| counts.unknown_last_exits(Scope::Vcpu(id)).is_none());
            let of = |id| counts.by_vcpus(Scope::Vcpu(id)).unwrap().total().exits;
            prop_assert!(known.map(of).sum::<u64>() <= reasons.total().exits);
        }
        let all = counts.by_vcpus(Scope::Host).unwrap();
        prop_assert_eq!(by_reason(&host), by_reason(&all));
        let by_cpus = counts.by_cpus(Scope::Host).unwrap();
        prop_assert_eq!(by_reason(&by_cpus), by_reason(&all));
    }
}

/// A snapshot of one VM's vCPUs lacks the retired counters.
#[test]
fn a_snapshot_of_one_vm_tells_nothing_of_its_end() {
    let mut host = Host::new(1);
    host.exits((0, 5, 0), 10, 1000, 10, 1);
    let mut first = Sample::parse(&host.snapshot(0)).unwrap();
    host.end(5);
    let mut second = Sample::parse(&host.snapshot(1000)).unwrap();
    for sample in [&mut first, &mut second] {
        sample.counts.cpus.clear();
        sample.counts.retired = Default::default();
        sample.counts.of_one_vm = true;
    }
    let counts = Period::between(&first, &second).counts;
    for scope in [Scope::Vm(5), Scope::Host] {
        assert_eq!(counts.unknown_last_exits(scope), Some(Unknown::Lost));
        assert_eq!(counts.by_vcpus(scope), Some(Default::default()));
    }
}

#[test]
fn a_recording_has_the_vms_of_all_its_snapshots() {
    let mut host = Host::new(1);
    host.exits((0, 1, 0), 10, 5, 10, 0);
    let mut snapshots = vec![host.snapshot(0)];
    host.exits((0, 1, 0), 10, 7, 10, 0);
    host.end(1);
    snapshots.push(host.snapshot(1000));
    host = Host::new(2);
    snapshots.push(host.snapshot(2000));
    let bytes = recording(&snapshots);
    let recording = Recording::of(Reader::new(bytes.as_slice()).unwrap()).unwrap();
    let counts = &recording.period.counts;
    assert_eq!(counts.by_vcpus(Scope::Vm(1)).unwrap().total().exits, 7);
    assert_eq!(
        counts.by_vcpus(Scope::Vcpu((1, 0))).unwrap().total().exits,
        7
    );
    assert_eq!(counts.by_vcpus(Scope::Vm(2)), None);
}
