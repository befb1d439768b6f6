// SPDX-License-Identifier: GPL-2.0

//! The suite of long tests: debug kernels, fault injection, load, and a distribution's kernel.

use super::{
    detail, distro, leaves,
    scenarios::{none, scripts, Scenario, LONG},
    selftests,
};
use crate::{flavour::Flavour, run::Run, workspace::Workspace};
use anyhow::Result;
use std::{fs, time::Duration};

/// Fewer repetitions, for kernels that check everything: they need ten times as long, and leaks and errors of
/// every repetition show after a few. `load` repeats in full.
const FEWER: &str = "CHURN_CYCLES=20\nKILLS=10\nGUESTS=20\nDETAIL_CYCLES=10";

/// Returns all scenarios, long ones first, so that they do not run last when several run in parallel. Their
/// minutes are for two at a time on 2 cores, plus a fifth.
pub fn all(workspace: &Workspace) -> Result<Vec<Scenario>> {
    let one = |name: &str| scripts(workspace, &[name]);
    let mut all = vec![
        Scenario {
            name: "selftests",
            about: "KVM's own selftests: unpatched twice, patched, observed; and the totals",
            minutes: 9,
            run: Run {
                selftests: true,
                memory: Some(2048),
                timeout: Duration::from_secs(3600),
                // The directory's other files are not scripts.
                l1: Some(fs::read_to_string(
                    workspace.path("tests/lab/selftests/l1.sh"),
                )?),
                ..Run::default()
            },
            checks: |outcome| selftests::checks(&outcome.report),
        },
        Scenario {
            name: "detail-debian",
            about: "Debian boots: what its exits are about, key by key, what KVM's tracepoints say",
            minutes: 12,
            run: Run {
                full_qemu: true,
                debian: true,
                memory: Some(2048),
                timeout: LONG,
                files: vec![(
                    workspace.path("tests/report/lib.sh"),
                    "lab/study.sh".to_owned(),
                )],
                ..one("detail-debian")?
            },
            checks: |outcome| detail::checks(&outcome.report),
        },
        Scenario {
            name: "debug-load",
            about: "KASAN, lockdep, kmemleak and others: modules come and go, guests are killed",
            minutes: 43,
            run: Run {
                flavour: Flavour::Debug,
                timeout: LONG,
                env: format!("{FEWER}\nKMEMLEAK=yes"),
                ..scripts(workspace, &["churn", "unload", "kill", "many"])?
            },
            checks: none,
        },
        Scenario {
            name: "debug-faults",
            about: "the same kernel: every allocation fails once; guests that mean harm",
            minutes: 27,
            run: Run {
                flavour: Flavour::Debug,
                timeout: LONG,
                env: "KMEMLEAK=yes".to_owned(),
                ..scripts(workspace, &["faults", "hostile", "isolation"])?
            },
            checks: none,
        },
        Scenario {
            name: "debug-smp",
            about: "KASAN and others on two CPUs: modules come and go under guests on another CPU",
            minutes: 23,
            run: Run {
                flavour: Flavour::Debug,
                cpus: 2,
                timeout: LONG,
                env: "CHURN_CYCLES=5\nDETAIL_CYCLES=3".to_owned(),
                ..scripts(workspace, &["grace", "churn", "detail-load"])?
            },
            checks: none,
        },
        Scenario {
            name: "kcsan",
            about: "data races in C, on two CPUs",
            minutes: 16,
            run: Run {
                flavour: Flavour::Kcsan,
                cpus: 2,
                timeout: LONG,
                env: FEWER.to_owned(),
                ..scripts(
                    workspace,
                    &["agreement", "migrate", "churn", "kill", "detail-load"],
                )?
            },
            checks: none,
        },
        Scenario {
            name: "load",
            about: "the plain kernel on two CPUs: modules come and go, guests are killed and moved",
            minutes: 9,
            run: Run {
                cpus: 2,
                timeout: LONG,
                ..scripts(workspace, &["churn", "unload", "kill", "many", "migrate"])?
            },
            checks: none,
        },
        Scenario {
            name: "hostile-full",
            about: "every question from everywhere, in full",
            minutes: 13,
            run: Run {
                timeout: LONG,
                env: "SWEEP=--full".to_owned(),
                ..one("hostile")?
            },
            checks: none,
        },
        Scenario {
            name: "debug-unpatched",
            about: "what the debug kernel says without the patches",
            minutes: 6,
            run: Run {
                flavour: Flavour::Debug,
                unpatched: true,
                timeout: LONG,
                ..one("unpatched")?
            },
            checks: |outcome| vec![leaves::not_answered("unpatched", &outcome.console)],
        },
        Scenario {
            name: "kcsan-unpatched",
            about: "what the kernel with KCSAN says without the patches",
            minutes: 4,
            run: Run {
                flavour: Flavour::Kcsan,
                cpus: 2,
                unpatched: true,
                timeout: LONG,
                ..one("unpatched")?
            },
            checks: |outcome| vec![leaves::not_answered("unpatched", &outcome.console)],
        },
    ];
    all.extend(distro::all(workspace)?);
    Ok(all)
}
