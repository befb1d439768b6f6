// SPDX-License-Identifier: GPL-2.0

//! Tests that need the lab. Each scenario is one run of L1 with many checks.

pub mod agreement;
mod bpf;
pub mod check;
mod debug;
mod detail;
mod distro;
pub mod health;
mod histogram;
mod host;
mod kunit;
pub mod leaves;
mod left_out;
mod names;
mod nested;
pub mod numbers;
pub(crate) mod scenarios;
mod schedule;
mod selftests;
mod stock;

use crate::{kernel, run::Outcome, workspace::Workspace};
use anyhow::Result;
use check::Check;
use clap::ValueEnum;
use left_out::LeftOut;
use scenarios::Scenario;
use schedule::Schedule;
use std::{
    collections::VecDeque,
    process::ExitCode,
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

/// Which scenarios run together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Suite {
    /// For every change; takes minutes
    Default,
    /// A Debian host with packages, systemd and libvirt, and more kernels of Debian and of the lab
    Host,
    /// Debug kernels, fault injection, load, and a distribution's kernel; takes about an hour
    Debug,
}

/// Runs the scenarios of a suite, or those whose names contain one of `names`. Prints a line per check, and
/// then how many passed and failed.
pub fn run(
    workspace: &Workspace,
    names: &[String],
    suite: Suite,
    list: bool,
    jobs: usize,
    within: Option<u64>,
) -> Result<ExitCode> {
    let schedule = Schedule::new(within.map(minutes));
    let of_suite = |suite| match suite {
        Suite::Default => {
            let mut all = stock::all(workspace)?;
            all.extend(bpf::all(workspace)?);
            all.extend(scenarios::all(workspace)?);
            Ok(all)
        }
        Suite::Host => {
            let mut all = stock::long(workspace)?;
            all.extend(bpf::long(workspace)?);
            all.extend(scenarios::more(workspace)?);
            Ok(all)
        }
        Suite::Debug => debug::all(workspace),
    };
    let mut chosen: VecDeque<Scenario> = if names.is_empty() {
        of_suite(suite)?.into()
    } else {
        let mut all = of_suite(Suite::Default)?;
        all.extend(of_suite(Suite::Host)?);
        all.extend(of_suite(Suite::Debug)?);
        // A full name selects only that scenario, a part of a name all that contain it.
        let full: Vec<&str> = all.iter().map(|s| s.name).collect();
        let matches = |scenario: &str, name: &str| {
            scenario == name || (!full.contains(&name) && scenario.contains(name))
        };
        all.retain(|s| names.iter().any(|name| matches(s.name, name)));
        all.into()
    };
    // For runs with a time limit.
    let left_out = LeftOut::in_file(workspace.cached(match suite {
        Suite::Default => "left-out",
        Suite::Host => "left-out-host",
        Suite::Debug => "left-out-debug",
    })?);
    if within.is_some() {
        left_out.bring_to_front(chosen.make_contiguous())?;
    }
    if list {
        for scenario in &chosen {
            println!(
                "{:16} {:2} min  {}",
                scenario.name, scenario.minutes, scenario.about
            );
        }
        return Ok(ExitCode::SUCCESS);
    }
    anyhow::ensure!(
        !chosen.is_empty(),
        "no test has such a name; `lab test --list` lists them"
    );

    let queue = Mutex::new(chosen);
    let counts = Mutex::new((0, 0));
    let had_no_time = Mutex::new(Vec::new());
    let no_time_for = |name, why: &str| {
        println!("--- {name}: {why}");
        if let Ok(mut names) = had_no_time.lock() {
            names.push(name);
        }
    };
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while let Some(mut scenario) = queue.lock().ok().and_then(|mut q| q.pop_front()) {
                    // An error here is ignored: the build will report it.
                    let build = within.map_or(0, |_| {
                        kernel::minutes(workspace, scenario.run.flavour).unwrap_or(0)
                    });
                    let said = minutes(scenario.minutes + build);
                    if let Err(why) = schedule.has_room_for(said) {
                        no_time_for(scenario.name, &format!("left out: {why}"));
                        continue;
                    }
                    scenario.run.end = schedule.end();
                    let started = Instant::now();
                    let (checks, console) = carry_out(workspace, &scenario);
                    schedule.ended(said, started.elapsed());
                    if schedule.end().is_some_and(|end| Instant::now() >= end) {
                        no_time_for(scenario.name, "cut off: the time of the suite is over");
                        continue;
                    }
                    // Printed together, so that lines of different scenarios do not mix.
                    if let Ok(mut counts) = counts.lock() {
                        print(&scenario, &checks, &console, started.elapsed());
                        counts.0 += checks.iter().filter(|c| c.result.is_ok()).count();
                        counts.1 += checks.iter().filter(|c| c.result.is_err()).count();
                    }
                }
            });
        }
    });
    if within.is_some() {
        left_out.remember(&had_no_time.into_inner().unwrap_or_default())?;
    }
    let (passed, failed) = counts.into_inner().unwrap_or((0, 1));
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn minutes(n: u64) -> Duration {
    Duration::from_secs(60 * n)
}

fn carry_out(workspace: &Workspace, scenario: &Scenario) -> (Vec<Check>, String) {
    let outcome = match scenario.run.boot(workspace) {
        Ok(outcome) => outcome,
        Err(error) => {
            return (
                vec![Check::failed("boots", format!("{error:#}"))],
                String::new(),
            )
        }
    };
    let mut checks = vec![came_to_its_end(&outcome)];
    checks.extend(check::made_in_l1(&outcome.report));
    checks.extend(agreement::checks(&outcome.report));
    checks.extend(bpf::checks(&outcome.report));
    checks.extend((scenario.checks)(&outcome));
    checks.extend(health::checks(workspace, scenario, &outcome));
    (checks, outcome.console)
}

fn came_to_its_end(outcome: &Outcome) -> Check {
    Check::new("script ends well", || match outcome.status {
        Some(0) => Ok(String::new()),
        Some(status) => Err(format!("exit status {status}")),
        None if outcome.timed_out => Err("its time was over".to_owned()),
        None => Err(format!(
            "L1 ended without a report; L0 said: {}",
            outcome.l0_log
        )),
    })
}

fn print(scenario: &Scenario, checks: &[Check], console: &str, took: Duration) {
    println!(
        "--- {}: {} ({} s)",
        scenario.name,
        scenario.about,
        took.as_secs()
    );
    for check in checks {
        match &check.result {
            Ok(seen) if seen.is_empty() => println!("ok     {}/{}", scenario.name, check.name),
            Ok(seen) => println!("ok     {}/{}: {seen}", scenario.name, check.name),
            Err(why) => println!("FAILED {}/{}: {why}", scenario.name, check.name),
        }
    }
    if checks.iter().any(|check| check.result.is_err()) {
        println!("the console of {}:", scenario.name);
        for line in console.lines() {
            println!("    {line}");
        }
    }
}
