// SPDX-License-Identifier: GPL-2.0

//! The scenarios: scripts in `tests/lab/NAME/`, how they are run, what is checked afterwards.

use super::{check::Check, leaves, numbers, selftests, Suite};
use crate::{
    image::Guest,
    l0::L0,
    run::{Outcome, Run},
    workspace::Workspace,
};
use anyhow::{Context, Result};
use std::{fs, path::PathBuf, time::Duration};

/// One run of L1, and what is checked of it.
pub struct Scenario {
    pub name: &'static str,
    pub about: &'static str,
    pub suite: Suite,
    pub run: Run,
    pub checks: fn(&Outcome) -> Vec<Check>,
}

/// Exits that each bare guest takes; as in tests/lab/bare/l1.sh.
const BARE_COUNT: u64 = 1000;
/// Pages and milliseconds; as in tests/lab/bare/l1.sh.
const LATE: (u64, u64) = (8, 100);

/// All scenarios; long ones first, so that they do not come last when several run at a time. Those
/// about costs run in Bochs wherever they are, as its TSC counts instructions.
pub fn all(workspace: &Workspace) -> Result<Vec<Scenario>> {
    let scripts = |name: &str| -> Result<Run> {
        let dir = workspace.path(&format!("tests/lab/{name}"));
        let mut files: Vec<PathBuf> = fs::read_dir(&dir)
            .with_context(|| dir.display().to_string())?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        files.sort();
        files.retain(|file| file.file_name().is_some_and(|name| name != "l1.sh"));
        Ok(Run {
            l1: Some(fs::read_to_string(dir.join("l1.sh"))?),
            l2: Guest::read_scripts(&files)?,
            ..Run::default()
        })
    };
    let none = |_: &Outcome| Vec::new();
    Ok(vec![
        Scenario {
            name: "selftests",
            about: "KVM's own selftests: unpatched twice, patched, observed; and the totals",
            suite: Suite::Debug,
            run: Run {
                selftests: true,
                memory: Some(2048),
                timeout: Duration::from_secs(3600),
                // The other files of the directory are no scripts.
                l1: Some(fs::read_to_string(
                    workspace.path("tests/lab/selftests/l1.sh"),
                )?),
                ..Run::default()
            },
            checks: |outcome| selftests::checks(&outcome.report),
        },
        Scenario {
            name: "q35-smp",
            about: "q35 on two CPUs",
            suite: Suite::Default,
            run: Run {
                cpus: 2,
                full_qemu: true,
                ..scripts("q35")?
            },
            checks: |outcome| leaves::checks(&leaves::parse(&outcome.console), &[10, 30], &[37]),
        },
        Scenario {
            name: "agreement",
            about: "two CPUs: totals equal the tracepoint's histogram over guests' whole lives",
            suite: Suite::Default,
            run: Run {
                cpus: 2,
                ..scripts("agreement")?
            },
            checks: none,
        },
        Scenario {
            name: "bare",
            about: "guests without an operating system: exact counts, and what cycles mean",
            suite: Suite::Default,
            run: Run {
                l0: Some(L0::Bochs),
                ..scripts("bare")?
            },
            checks: |outcome| {
                let report = &outcome.report;
                let mut checks = numbers::exact(report, BARE_COUNT);
                checks.push(numbers::cycles_are_plausible(report));
                checks.push(numbers::open_exit_counts(report));
                checks.push(numbers::user_space_is_told_apart(report));
                checks.push(numbers::hog_is_not_charged(report));
                checks.push(numbers::sleep_is_not_charged(report, LATE.0, LATE.1));
                checks
            },
        },
        Scenario {
            name: "q35",
            about: "the full machine, with BIOS and virtio: the leaves, and the totals",
            suite: Suite::Default,
            run: Run {
                full_qemu: true,
                ..scripts("q35")?
            },
            checks: |outcome| leaves::checks(&leaves::parse(&outcome.console), &[10, 30], &[37]),
        },
        Scenario {
            name: "scope",
            about: "guest_scope, bad parameters, loading and unloading under a guest",
            suite: Suite::Default,
            run: scripts("scope")?,
            checks: |outcome| {
                let section = |name| outcome.report.get(name).unwrap_or_default();
                vec![
                    leaves::not_answered("guest_scope=off", section("off")),
                    leaves::not_answered("unloaded", section("unloaded")),
                ]
            },
        },
        Scenario {
            name: "leaves",
            about: "one CPU: Debian's cpuid reads the four leaves in a guest",
            suite: Suite::Default,
            run: scripts("leaves")?,
            checks: |outcome| {
                let mut checks = leaves::checks(&leaves::parse(&outcome.console), &[10, 30], &[37]);
                checks.push(leaves::between(&outcome.report, &outcome.console));
                checks
            },
        },
        Scenario {
            name: "ept0",
            about: "shadow paging, ept=0: the same agreement",
            suite: Suite::Default,
            run: Run {
                kvm_intel: "ept=0".to_owned(),
                ..scripts("ept0")?
            },
            checks: none,
        },
        Scenario {
            name: "unpatched",
            about: "the kernel as it was: no leaves, and the module says why it does not load",
            suite: Suite::Default,
            run: Run {
                unpatched: true,
                ..scripts("unpatched")?
            },
            checks: |outcome| vec![leaves::not_answered("unpatched", &outcome.console)],
        },
        Scenario {
            name: "cost",
            about: "instructions per exit: unpatched, patched, observed, on one CPU",
            suite: Suite::Default,
            run: Run {
                l0: Some(L0::Bochs),
                ..scripts("cost")?
            },
            checks: |outcome| numbers::costs(&outcome.report),
        },
        Scenario {
            name: "novmx",
            about: "a processor without VMX: the module says so and does not load",
            suite: Suite::Default,
            run: Run {
                l0: Some(L0::Tcg),
                ..scripts("novmx")?
            },
            checks: none,
        },
    ])
}
