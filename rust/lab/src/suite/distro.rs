// SPDX-License-Identifier: GPL-2.0

//! The module on a distribution's kernel: part of the long tests.

use super::{
    leaves, numbers,
    scenarios::{none, scripts, Scenario, LONG},
};
use crate::{flavour::Flavour, l0::L0, run::Run, workspace::Workspace};
use anyhow::Result;

/// Returns its scenarios.
pub fn all(workspace: &Workspace) -> Result<Vec<Scenario>> {
    Ok(vec![
        Scenario {
            name: "distro",
            about: "a kernel as distributions have it, with CFI and mitigations: totals and tracepoint agree",
            minutes: 5,
            run: Run {
                flavour: Flavour::Distro,
                cpus: 2,
                timeout: LONG,
                env: "MITIGATIONS=on".to_owned(),
                ..scripts(workspace, &["distro", "agreement"])?
            },
            checks: none,
        },
        Scenario {
            name: "distro-cost",
            about: "the same kernel: the leaves, and instructions per exit and per answer, on one CPU",
            minutes: 5,
            run: Run {
                flavour: Flavour::Distro,
                l0: Some(L0::Bochs),
                timeout: LONG,
                env: "MITIGATIONS=on".to_owned(),
                ..scripts(workspace, &["distro", "leaves", "cost"])?
            },
            checks: |outcome| {
                let mut checks = leaves::checks(&leaves::parse(&outcome.console), &[10, 30], &[37]);
                checks.push(leaves::between(&outcome.report, &outcome.console));
                checks.extend(numbers::costs_without_bounds(&outcome.report));
                checks
            },
        },
        Scenario {
            name: "distro-cost-off",
            about: "the same with CFI and mitigations off",
            minutes: 5,
            run: Run {
                flavour: Flavour::Distro,
                l0: Some(L0::Bochs),
                append: "mitigations=off cfi=off".to_owned(),
                timeout: LONG,
                env: "MITIGATIONS=off".to_owned(),
                ..scripts(workspace, &["distro", "cost"])?
            },
            checks: |outcome| numbers::costs_without_bounds(&outcome.report),
        },
    ])
}
