// SPDX-License-Identifier: GPL-2.0

//! Scenarios: the scripts in `tests/lab/NAME/`, how they run, and the checks afterwards.

use super::{check::Check, host, kunit, leaves, names, numbers};
use crate::{
    image::Guest,
    l0::L0,
    run::{Outcome, Run},
    workspace::Workspace,
};
use anyhow::{Context, Result};
use std::{fs, path::PathBuf, time::Duration};

/// A run of L1 with its checks.
pub struct Scenario {
    pub name: &'static str,
    pub about: &'static str,
    /// Minutes that it takes on a 2-core machine with other load, for runs with a time limit.
    pub minutes: u64,
    pub run: Run,
    pub checks: fn(&Outcome) -> Vec<Check>,
}

/// Timeout of the long tests, for a busy machine.
pub const LONG: Duration = Duration::from_secs(2 * 3600);

/// Exits per bare guest, as in tests/lab/bare/l1.sh.
const BARE_COUNT: u64 = 1000;
/// Pages and milliseconds, as in tests/lab/bare/l1.sh.
const LATE: (u64, u64) = (8, 100);

/// The script of many guests, in `tests/lab/`.
const WORK: &str = "work.sh";

/// Returns a run of the scripts in `tests/lab/NAME/` of each name, in order. Each `l1.sh` runs in its own shell
/// in L1, all others are for L2. [`WORK`] is added if an `l1.sh` mentions it.
pub fn scripts(workspace: &Workspace, names: &[&str]) -> Result<Run> {
    let mut l1 = String::new();
    let mut files: Vec<PathBuf> = Vec::new();
    for name in names {
        let dir = workspace.path(&format!("tests/lab/{name}"));
        for entry in fs::read_dir(&dir).with_context(|| dir.display().to_string())? {
            files.push(entry?.path());
        }
        let script = fs::read_to_string(dir.join("l1.sh"))?;
        // As after a boot, each finds no modules loaded.
        l1 += &format!("(\n{script}\n) || exit\nunload_all\n");
    }
    if l1.contains(WORK) {
        files.push(workspace.path("tests/lab").join(WORK));
    }
    files.sort();
    files.retain(|file| file.file_name().is_some_and(|name| name != "l1.sh"));
    Ok(Run {
        l1: Some(l1),
        l2: Guest::read_scripts(&files)?,
        ..Run::default()
    })
}

/// Returns all scenarios, long ones first, so that they do not run last when several run in parallel. Scenarios
/// about costs always run in Bochs, whose TSC counts instructions.
pub fn all(workspace: &Workspace) -> Result<Vec<Scenario>> {
    let one = |name: &str| scripts(workspace, &[name]);
    Ok(vec![
        Scenario {
            name: "host",
            about: "the device, debugfs, the log, and the command on the host and in a guest",
            minutes: 3,
            run: Run {
                command: true,
                ..one("host")?
            },
            checks: |outcome| host::checks(&outcome.report),
        },
        Scenario {
            name: "q35",
            about: "the full machine, with BIOS and virtio: the leaves, and the totals",
            minutes: 3,
            run: Run {
                full_qemu: true,
                ..one("q35")?
            },
            checks: q35_checks,
        },
        Scenario {
            name: "detail",
            about: "what exits are about: key by key, what KVM's tracepoints say",
            minutes: 6,
            run: Run {
                command: true,
                tools: vec!["/usr/bin/setpriv"],
                ..scripts(workspace, &["detail", "detail-command"])?
            },
            checks: |outcome| super::detail::checks(&outcome.report),
        },
        Scenario {
            name: "names",
            about: "names of VMs, live and in recordings; recordings of some VMs only",
            minutes: 3,
            run: Run {
                command: true,
                ..one("names")?
            },
            checks: |outcome| names::checks(&outcome.report),
        },
        Scenario {
            name: "detail-load",
            about: "two CPUs: details come and go while guests run, and there are more keys than room",
            minutes: 3,
            run: Run {
                cpus: 2,
                ..one("detail-load")?
            },
            checks: none,
        },
        Scenario {
            name: "nested",
            about: "guests that are hypervisors: the exits of their guests, and those that they get",
            minutes: 3,
            run: Run {
                selftests: true,
                command: true,
                ..one("nested")?
            },
            checks: |outcome| super::nested::checks(&outcome.report),
        },
        Scenario {
            name: "guests",
            about: "guests that mean harm: every question from everywhere, and other guests' exits",
            minutes: 3,
            run: scripts(workspace, &["hostile", "isolation"])?,
            checks: none,
        },
        Scenario {
            name: "edges",
            about: "two CPUs: a vCPU's first exit, entries and KVM_RUNs that fail, a callback at unloading",
            minutes: 3,
            run: Run {
                cpus: 2,
                ..scripts(workspace, &["first", "failed", "memory-fault", "grace"])?
            },
            checks: none,
        },
        Scenario {
            name: "memcg",
            about: "VMs in memory cgroups: they are charged, and live at their limit",
            minutes: 3,
            run: one("memcg")?,
            checks: |outcome| vec![numbers::memory_is_charged(&outcome.report)],
        },
        Scenario {
            name: "kunit",
            about: "two CPUs: the KUnit suites of the module's code",
            minutes: 3,
            run: Run {
                cpus: 2,
                ..one("kunit")?
            },
            checks: |outcome| kunit::checks(&outcome.report),
        },
        Scenario {
            name: "unpatched",
            about: "the kernel as it was: no leaves, and the module says why it does not load",
            minutes: 3,
            run: Run {
                unpatched: true,
                ..one("unpatched")?
            },
            checks: |outcome| vec![leaves::not_answered("unpatched", &outcome.console)],
        },
        Scenario {
            name: "cost",
            about: "instructions per exit and per answer, on one CPU",
            minutes: 3,
            run: Run {
                l0: Some(L0::Bochs),
                ..one("cost")?
            },
            checks: |outcome| {
                let mut checks = numbers::costs(&outcome.report);
                checks.extend(numbers::answer_costs(&outcome.report));
                checks
            },
        },
        Scenario {
            name: "novmx",
            about: "a processor without VMX: the module says so and does not load",
            minutes: 3,
            run: Run {
                l0: Some(L0::Tcg),
                ..one("novmx")?
            },
            checks: none,
        },
    ])
}

/// Returns the scenarios that `make test` runs on Debian's kernels, here on the lab's own, and some long ones.
pub fn more(workspace: &Workspace) -> Result<Vec<Scenario>> {
    let one = |name: &str| scripts(workspace, &[name]);
    Ok(vec![
        Scenario {
            name: "agreement",
            about: "two CPUs: totals equal the tracepoint's histogram over guests' whole lives",
            minutes: 3,
            run: Run {
                cpus: 2,
                ..one("agreement")?
            },
            checks: none,
        },
        Scenario {
            name: "detail-smp",
            about: "what exits are about, on two CPUs",
            minutes: 12,
            run: Run {
                cpus: 2,
                timeout: Duration::from_secs(1200),
                ..one("detail")?
            },
            checks: |outcome| super::detail::checks(&outcome.report),
        },
        Scenario {
            name: "q35-smp",
            about: "q35 on two CPUs",
            minutes: 3,
            run: Run {
                cpus: 2,
                full_qemu: true,
                ..one("q35")?
            },
            checks: q35_checks,
        },
        Scenario {
            name: "stall",
            about: "guests that watch the clock, and long grace periods: no load holds up a vCPU",
            minutes: 4,
            run: Run {
                cpus: 3,
                l0: Some(L0::Bochs),
                timeout: Duration::from_secs(1800),
                ..one("stall")?
            },
            checks: |outcome| numbers::vcpus_are_not_stalled(&outcome.report),
        },
        Scenario {
            name: "scope",
            about: "guest_scope, bad parameters, loading and unloading under a guest",
            minutes: 3,
            run: one("scope")?,
            checks: scope_checks,
        },
        Scenario {
            name: "leaves",
            about: "one CPU: Debian's cpuid reads the four leaves in a guest",
            minutes: 3,
            run: one("leaves")?,
            checks: leaves_checks,
        },
        Scenario {
            name: "bare",
            about: "guests without an operating system: exact counts, and what cycles mean",
            minutes: 3,
            run: Run {
                l0: Some(L0::Bochs),
                ..one("bare")?
            },
            checks: bare_checks,
        },
        Scenario {
            name: "ept0",
            about: "shadow paging, ept=0: the same agreement",
            minutes: 3,
            run: Run {
                kvm_intel: "ept=0".to_owned(),
                ..one("ept0")?
            },
            checks: none,
        },
        Scenario {
            name: "second",
            about: "two modules that observe: one at a time, and each works",
            minutes: 3,
            run: one("second")?,
            checks: |outcome| {
                let answers = outcome.report.get("second").unwrap_or_default();
                vec![leaves::not_answered("another observer", answers)]
            },
        },
    ])
}

/// Returns no checks beyond those of the scripts.
pub fn none(_: &Outcome) -> Vec<Check> {
    Vec::new()
}

/// Returns the checks of any guest and those of its details.
fn q35_checks(outcome: &Outcome) -> Vec<Check> {
    let mut checks = guest_checks(outcome);
    checks.extend(super::detail::checks(&outcome.report));
    checks
}

/// Checks the leaves that a guest read: it took exits for CPUID and I/O, and none for the monitor trap flag.
fn guest_checks(outcome: &Outcome) -> Vec<Check> {
    leaves::checks(&leaves::parse(&outcome.console), &[10, 30], &[37])
}

/// Returns the checks of tests/lab/leaves/l1.sh.
pub fn leaves_checks(outcome: &Outcome) -> Vec<Check> {
    let mut checks = guest_checks(outcome);
    checks.push(leaves::between(&outcome.report, &outcome.console));
    checks
}

/// Returns the checks of tests/lab/scope/l1.sh where the leaves are not answered.
pub fn scope_checks(outcome: &Outcome) -> Vec<Check> {
    let section = |name| outcome.report.get(name).unwrap_or_default();
    vec![
        leaves::not_answered("guest_scope=off", section("off")),
        leaves::not_answered("unloaded", section("unloaded")),
    ]
}

/// Returns the checks of tests/lab/bare/l1.sh.
pub fn bare_checks(outcome: &Outcome) -> Vec<Check> {
    let report = &outcome.report;
    let mut checks = numbers::exact(report, BARE_COUNT);
    checks.push(numbers::cycles_are_plausible(report));
    checks.push(numbers::open_exit_counts(report));
    checks.push(numbers::user_space_is_told_apart(report));
    checks.push(numbers::a_pause_is_no_time(report));
    checks.push(numbers::hog_is_not_charged(report));
    checks.push(numbers::sleep_is_not_charged(report, LATE.0, LATE.1));
    checks
}
