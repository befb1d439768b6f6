// SPDX-License-Identifier: GPL-2.0

//! The module on kernels as Debian packages them.

use super::{
    check::Check,
    numbers,
    scenarios::{bare_checks, leaves_checks, none, scope_checks, scripts, Scenario, LONG},
};
use crate::{
    host::Host,
    l0::L0,
    run::{Outcome, Run},
    stock::{Stock, HOST},
    workspace::Workspace,
};
use anyhow::{Context, Result};
use std::{env, fs};

/// Leaks a text. There are few of them.
fn keep(text: String) -> &'static str {
    String::leak(text)
}

/// Returns the series of Debian kernels that were booted according to `patches/kernels`, newest first, and the
/// one that `scripts/bump.sh` is trying.
fn series(workspace: &Workspace) -> Result<Vec<&'static str>> {
    let path = workspace.path("patches/kernels");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let booted = text
        .lines()
        .filter_map(|line| line.strip_suffix(" booted")?.rsplit_once('.'))
        .map(|(series, _)| keep(series.to_owned()));
    let tried = env::var("EXITSTAT_SERIES").ok().map(keep);
    let others = booted.filter(|series| Some(*series) != tried);
    Ok(tried.into_iter().chain(others).collect())
}

/// Returns the scenarios for every change: each kernel, with one CPU.
pub fn all(workspace: &Workspace) -> Result<Vec<Scenario>> {
    let scenario = |series| -> Result<Scenario> {
        Ok(Scenario {
            name: keep(format!("stock-{series}")),
            about: "Debian's kernel as packaged: agreement, the leaves, guest_scope, exact counts, cycles",
            minutes: 5,
            run: on(
                Stock::amd64(series),
                scripts(workspace, &["agreement", "leaves", "scope", "bare"])?,
            ),
            checks: one_cpu,
        })
    };
    series(workspace)?.into_iter().map(scenario).collect()
}

/// Returns the scenarios that take longer: two CPUs, costs, the cloud kernel, which has no `/dev/port`, and a
/// whole Debian host with systemd and libvirt.
pub fn long(workspace: &Workspace) -> Result<Vec<Scenario>> {
    let mut all = hosts();
    let series = series(workspace)?;
    // Only for the newest series, because they take long.
    for (series, flavour) in series
        .first()
        .into_iter()
        .flat_map(|series| ["amd64", "cloud-amd64"].map(|flavour| (*series, flavour)))
    {
        let cloud = flavour.strip_suffix("amd64").unwrap_or_default();
        let stock = Stock {
            flavour,
            ..Stock::amd64(series)
        };
        let mut run = on(stock, scripts(workspace, &["agreement"])?);
        run.cpus = 2;
        all.push(Scenario {
            name: keep(format!("stock-{series}-{cloud}smp")),
            about:
                "Debian's kernel as packaged, on two CPUs: totals equal the tracepoint's histogram",
            minutes: 8,
            run,
            checks: none,
        });
    }
    for series in series {
        all.push(Scenario {
            name: keep(format!("stock-{series}-amd")),
            about: "Debian's kernel as packaged, on AMD: its guests run on the rebuilt kvm-amd",
            minutes: 2,
            run: Run {
                l0: Some(L0::Svm),
                ..on(Stock::amd64(series), scripts(workspace, &["amd"])?)
            },
            checks: none,
        });
        all.push(Scenario {
            name: keep(format!("stock-{series}-cost")),
            about: "Debian's kernel as packaged: instructions per exit and per answer",
            minutes: 4,
            run: on(Stock::amd64(series), scripts(workspace, &["cost"])?),
            checks: |outcome| numbers::costs_without_bounds(&outcome.report),
        });
    }
    Ok(all)
}

fn on(stock: Stock, run: Run) -> Run {
    Run {
        stock: Some(stock),
        l0: Some(L0::Bochs),
        timeout: LONG,
        ..run
    }
}

fn one_cpu(outcome: &Outcome) -> Vec<Check> {
    [leaves_checks, scope_checks, bare_checks]
        .into_iter()
        .flat_map(|checks| checks(outcome))
        .collect()
}

fn hosts() -> Vec<Scenario> {
    let host = |script, append: &str| Run {
        host: Some(Host {
            stock: Stock::amd64(HOST),
            script,
        }),
        append: append.to_owned(),
        timeout: LONG,
        ..Run::default()
    };
    vec![
        Scenario {
            name: "debian-host",
            about: "a Debian host: apt, exitstat enable, a libvirt domain, disable, purge",
            minutes: 18,
            run: host("install.sh", ""),
            checks: none,
        },
        Scenario {
            name: "debian-host-signed",
            about: "one that takes only signed modules: it keeps its KVM",
            minutes: 9,
            run: host("signed.sh", "module.sig_enforce=1"),
            checks: none,
        },
    ]
}
