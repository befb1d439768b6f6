// SPDX-License-Identifier: GPL-2.0

//! Exits that a bare guest took and counted, and their costs.

use super::check::Check;
use crate::report::Report;
use exitstat_core::footprint::{VCPU, VCPU_ALLOCATED};

/// Output of `bare`.
#[derive(Clone, Copy, Debug)]
struct Bare {
    exits: u64,
    cycles: u64,
    guest_cycles: u64,
}

/// Returns the number after `key` in the section `name`, which `bare` printed.
fn value(report: &Report, name: &str, key: &str) -> Result<u64, String> {
    let text = report
        .get(name)
        .ok_or_else(|| format!("{name} did not run"))?;
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
    line.and_then(|number| number.parse().ok())
        .ok_or_else(|| format!("{name}: no {key} in {text:?}"))
}

impl Bare {
    fn find(report: &Report, name: &str) -> Result<Self, String> {
        let value = |key| value(report, name, key);
        Ok(Self {
            exits: value("exits")?,
            cycles: value("cycles")?,
            guest_cycles: value("guest_cycles")?,
        })
    }

    /// Returns the average cycles per exit.
    fn each(self) -> f64 {
        self.cycles as f64 / self.exits.max(1) as f64
    }
}

/// Checks that each bare guest saw exactly the exits that it took. CPUID has one more: the second reading.
pub fn exact(report: &Report, count: u64) -> Vec<Check> {
    let kinds = [
        ("cpuid", 1),
        ("pio", 0),
        ("hlt", 0),
        ("rdmsr", 0),
        ("wrmsr", 0),
    ];
    kinds
        .into_iter()
        .map(|(kind, more)| {
            Check::new(
                format!("a bare guest sees exactly its {kind} exits"),
                || {
                    let seen = Bare::find(report, &format!("bare {kind}"))?.exits;
                    if seen == count + more {
                        Ok(format!("{seen}"))
                    } else {
                        Err(format!("{seen}, not {}", count + more))
                    }
                },
            )
        })
        .collect()
}

/// Checks that a reading includes its own exit: the guest's second CPUID reads two.
pub fn open_exit_counts(report: &Report) -> Check {
    Check::new("an answer includes the exit that asks for it", || {
        let text = report.get("bare cpuid").unwrap_or_default();
        if text.lines().any(|line| line == "before 2") {
            Ok(String::new())
        } else {
            Err(text.to_owned())
        }
    })
}

/// Instructions of leaving and entering a guest, including the guest's reading of its clock, on one emulated
/// CPU, where a cycle is an instruction. The lab's kernel takes about 600.
const WAY_OUT_AND_IN: std::ops::Range<f64> = 500.0..700.0;

/// Maximum that mitigations add: retpolines, filling the return stack buffer, clearing processor buffers. A
/// whole CPUID exit takes 1,229 instructions with Debian's kernel 7.3.4, 1,140 with `mitigations=off`, and
/// 1,106 with the lab's kernel.
const MITIGATIONS: f64 = 100.0;

/// Checks the cycles of CPUID exits against the guest's own measurement. The difference is the time to leave
/// and enter the guest.
pub fn cycles_are_plausible(report: &Report) -> Check {
    Check::new(
        "cycles per exit are the guest's, less the way out and in",
        || {
            let bare = Bare::find(report, "alone")?;
            let outside = bare.guest_cycles as f64 / bare.exits as f64;
            let between = outside - bare.each();
            let mitigated = report
                .get("spectre_v2")
                .is_some_and(|text| text.contains("Mitigation:"));
            let more = if mitigated { MITIGATIONS } else { 0.0 };
            let text = format!(
                "{:.0} of {outside:.0}, {between:.0} between{}",
                bare.each(),
                if mitigated { ", with mitigations" } else { "" }
            );
            if (WAY_OUT_AND_IN.start..WAY_OUT_AND_IN.end + more).contains(&between) {
                Ok(text)
            } else {
                Err(text)
            }
        },
    )
}

/// Checks that preemption during an exit is not charged to it.
pub fn hog_is_not_charged(report: &Report) -> Check {
    Check::new("a hog on the same CPU does not make exits longer", || {
        let (alone, hogged) = (Bare::find(report, "alone")?, Bare::find(report, "hogged")?);
        // The hog got its share of the CPU if the guest measured more than twice the time.
        let slower = hogged.guest_cycles as f64 / alone.guest_cycles as f64;
        let text = format!(
            "{:.0} cycles per exit alone, {:.0} with the hog, {slower:.1} times as long from outside",
            alone.each(),
            hogged.each()
        );
        if slower > 2.0 && hogged.each() < 1.25 * alone.each() {
            Ok(text)
        } else {
            Err(text)
        }
    })
}

/// Checks that sleeping in a handler until userspace provides a page is not charged to the exit.
pub fn sleep_is_not_charged(report: &Report, pages: u64, delay_ms: u64) -> Check {
    Check::new(
        "a handler that sleeps does not make its exit longer",
        || {
            let bare = Bare::find(report, "touch")?;
            let text = report.get("tsc_khz").unwrap_or_default().trim();
            let khz: u64 = text.parse().map_err(|e| format!("tsc_khz {text:?}: {e}"))?;
            let slept = (pages * delay_ms)
                .checked_mul(khz)
                .ok_or_else(|| format!("tsc_khz {khz}"))?;
            let seen = format!(
                "{} exits, {} cycles, {} from outside, of which at least {slept} asleep",
                bare.exits, bare.cycles, bare.guest_cycles
            );
            if bare.exits >= pages && bare.guest_cycles > slept && bare.cycles < slept / 20 {
                Ok(seen)
            } else {
                Err(seen)
            }
        },
    )
}

/// Checks that userspace finishes nearly all exits of a guest that only does port I/O, and that each takes time
/// there: longer than in the kernel, but less than a thousand times as long.
pub fn user_space_is_told_apart(report: &Report) -> Check {
    Check::new("exits that user space finishes are told apart", || {
        let row = report.get("row pio").unwrap_or_default();
        let numbers: Vec<u64> = row
            .split_whitespace()
            .filter_map(|w| w.parse().ok())
            .collect();
        let [vm, 0, _, exits, cycles, user_exits, user_cycles] = numbers[..] else {
            return Err(format!("not one vCPU's row: {row:?}"));
        };
        let most = user_exits <= exits && u128::from(user_exits) * 10 > u128::from(exits) * 9;
        if vm > 0 && most && user_cycles > cycles / 10 && user_cycles / 1000 < cycles {
            Ok(format!(
                "{user_exits} of {exits} exits, {} cycles each there",
                user_cycles / user_exits
            ))
        } else {
            Err(row.to_owned())
        }
    })
}

/// Checks that the time of a paused VM is not charged to userspace for the preceding, completed exit.
pub fn a_pause_is_no_time(report: &Report) -> Check {
    Check::new("the time of a paused VM is no exit's", || {
        let value = |key| value(report, "pause", key);
        let (exits, cycles) = (value("user_exits")?, value("user_cycles")?);
        let paused = value("paused")?;
        let seen = format!("{exits} exits, {cycles} cycles; {paused} paused");
        if exits >= 20 && cycles > 0 && cycles < paused / 20 {
            Ok(seen)
        } else {
            Err(seen)
        }
    })
}

/// Maximum ratio of the longest clock gap that guests see with loading to the longest one without. Without, the
/// longest gap is a thread waiting for its turn, about 12 ms. A vCPU that waits for one of the scenario's grace
/// periods has a gap of 60 ms or more.
const STALL_FACTOR: u64 = 3;

/// Checks that loading the module or toggling details does not lengthen the gaps that guests see in the clock,
/// compared with the same time without.
pub fn vcpus_are_not_stalled(report: &Report) -> Vec<Check> {
    vec![
        stalls_none(report, "loads", "loading and unloading stall no vCPU"),
        stalls_none(
            report,
            "details",
            "turning details on and off stalls no vCPU",
        ),
    ]
}

fn stalls_none(report: &Report, run: &str, what: &str) -> Check {
    Check::new(what, || {
        let of = |run: &str, key| -> Result<[u64; 2], String> {
            let guest = |guest| value(report, &format!("stall {run} {guest}"), key);
            Ok([guest("first")?, guest("second")?])
        };
        let longest = |run| of(run, "longest").map(|[a, b]| a.max(b));
        let watched = |run| of(run, "cycles").map(|[a, b]| a.min(b));
        let (gap, none) = (longest(run)?, longest("none")?);
        let (time, as_long) = (watched(run)?, watched("none")?);
        let text =
            format!("longest gap {gap} cycles of {time} with {run}, {none} of {as_long} without");
        if none > 0 && gap / none < STALL_FACTOR && as_long / 9 >= time / 10 {
            Ok(text)
        } else {
            Err(text)
        }
    })
}

/// Checks that the module's memory for a vCPU is charged to the VM's cgroup and uncharged afterwards.
pub fn memory_is_charged(report: &Report) -> Check {
    Check::new("a vCPU's memory is charged to its cgroup", || {
        let value = |key| value(report, "charged", key);
        let (vcpus, before) = (value("vcpus")?, value("before")?);
        let (loaded, unloaded) = (value("loaded")?, value("unloaded")?);
        let text = format!("{before} bytes, {loaded} with {vcpus} vCPUs counted, {unloaded} after");
        let each = loaded.saturating_sub(before) / vcpus.max(1);
        // The shim allocates whole pages, either way.
        let as_taken = VCPU as u64..=VCPU_ALLOCATED as u64 + CHARGED_SLACK / vcpus.max(1);
        if as_taken.contains(&each) && unloaded.abs_diff(before) <= CHARGED_SLACK {
            Ok(text)
        } else {
            Err(text)
        }
    })
}

/// Bytes that a guest of [`memory_is_charged`] may allocate for other purposes meanwhile.
const CHARGED_SLACK: u64 = 32 << 10;

/// Maximum instructions that the hooks add to an exit. Without an observer: an exit that KVM handles, and one
/// that userspace finishes. With the module, which also times userspace. With details, whose keys are in a
/// register, or in a VMCS field for port I/O.
const BUDGET: [(&str, &str, i64); 13] = [
    ("cpuid", "patched", 2),
    ("wrmsr", "patched", 3),
    ("pio", "patched", 7),
    ("cpuid", "observed", 48),
    ("wrmsr", "observed", 50),
    ("rdmsr", "observed", 48),
    ("pio", "observed", 120),
    ("cpuid", "detail", 48 + 90),
    ("wrmsr", "detail", 48 + 90),
    ("rdmsr", "detail", 48 + 90),
    ("pio", "detail", 120 + 120),
    ("cpuid", "detail_ip", 48 + 120),
    ("wrmsr", "detail_ip", 48 + 120),
];

/// Guest programs whose costs the scenario measures.
const PROGRAMS: [&str; 4] = ["cpuid", "wrmsr", "rdmsr", "pio"];

/// Returns the shortest of a guest's exits, measured by the guest.
fn least(report: &Report, name: &str) -> Result<i64, String> {
    let least = value(report, name, "least")?;
    i64::try_from(least).map_err(|error| format!("{name}: {least}: {error}"))
}

/// Checks the additional cost of an exit over the unpatched kvm against the budget. It compares the shortest
/// exits, measured by the guest. On one emulated CPU the TSC counts instructions, so this is exact.
pub fn costs(report: &Report) -> Vec<Check> {
    let within = |&(program, kvm, budget)| cost(report, program, kvm, Some(budget));
    BUDGET.iter().map(within).collect()
}

/// Reports the same for kernels that the budget does not apply to. Only a missing measurement fails.
pub fn costs_without_bounds(report: &Report) -> Vec<Check> {
    let pairs = ["patched", "observed"]
        .into_iter()
        .flat_map(|kvm| PROGRAMS.map(|program| (program, kvm)));
    pairs
        .map(|(program, kvm)| cost(report, program, kvm, None))
        .collect()
}

fn cost(report: &Report, program: &str, kvm: &str, budget: Option<i64>) -> Check {
    let within = budget.map_or(String::new(), |budget| format!(", is within {budget}"));
    Check::new(format!("cost of a {program} exit, {kvm}{within}"), || {
        let least = |kvm: &str| least(report, &format!("{kvm} {program}"));
        let (before, after) = (least("unpatched")?, least(kvm)?);
        let more = after.saturating_sub(before);
        let text = format!("{more} more than {before} instructions");
        if budget.is_none_or(|budget| more <= budget) {
            Ok(text)
        } else {
            Err(text)
        }
    })
}

/// Maximum cost of an answer over a plain CPUID: fixed instructions, and instructions per vCPU of the VM.
const ANSWER: [(&str, i64, i64); 2] = [("reason", 400, 160), ("total", 400, 335)];

/// Checks that the cost of an answer only grows with the VM's vCPUs. With `guest_scope=host` it is the same per
/// CPU; here there is one.
pub fn answer_costs(report: &Report) -> Vec<Check> {
    ANSWER
        .iter()
        .map(|&(what, a, b)| {
            Check::new(
                format!("an answer about a {what} costs at most {a} + {b} n more than CPUID"),
                || {
                    let plain = least(report, "answer plain")?;
                    let mut seen = Vec::new();
                    let mut within = true;
                    for n in [1, 2, 4, 8, 16, 32, 64] {
                        let more = least(report, &format!("answer {what} {n}"))? - plain;
                        within &= more <= a + b * n;
                        seen.push(format!("{n}: {more}"));
                    }
                    let host = least(report, &format!("answer host {what}"))? - plain;
                    within &= host <= a + b;
                    let text = format!("{}; host: {host}; CPUID: {plain}", seen.join(", "));
                    if within {
                        Ok(text)
                    } else {
                        Err(text)
                    }
                },
            )
        })
        .collect()
}
