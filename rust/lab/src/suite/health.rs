// SPDX-License-Identifier: GPL-2.0

//! Checks after every run: no warnings in the log, no unexpected taint.

use super::{check::Check, scenarios::Scenario};
use crate::{flavour::Flavour, run::Outcome, workspace::Workspace};
use clap::ValueEnum;

/// Message about the processor, not a complaint: it lacks the microcode for a mitigation.
const OF_THE_PROCESSOR: &str = "admin-guide/hw-vuln";

/// Words in complaints of the kernel and its debugging aids, including those with which the aids give up.
const COMPLAINTS: [&str; 19] = [
    "WARNING:",
    "BUG:",
    "Oops",
    "general protection",
    "Call Trace:",
    "kernel BUG at",
    "rcu: INFO",
    "INFO: task",
    "Kernel panic",
    "unable to handle",
    "refcount_t:",
    "list_add corruption",
    "list_del corruption",
    "UBSAN:",
    "ODEBUG:",
    "new suspected memory leaks",
    "memory leak detector disabled",
    "turning off the locking correctness validator",
    "KCSAN:",
];

/// S and W, from the emulated processor and the warning in the baseline; N, from built-in KUnit; O, from any
/// out-of-tree module.
const TAINT: u32 = (1 << 2) | (1 << 9) | (1 << 12) | (1 << 18);

/// E, from unsigned modules in a kernel that checks signatures, such as Debian's.
const UNSIGNED: u32 = 1 << 13;

/// Returns the checks of any run's log.
pub fn checks(workspace: &Workspace, scenario: &Scenario, outcome: &Outcome) -> Vec<Check> {
    let Some(log) = outcome.report.get("dmesg") else {
        return vec![Check::failed("log has no complaint", "L1 gave no log")];
    };
    let baseline = match baseline(workspace, scenario.run.flavour) {
        Ok(baseline) => baseline,
        Err(error) => return vec![Check::failed("baseline", error)],
    };
    let mut checks = vec![
        Check::new("log has no complaint", || {
            let bad = complaints(log, &baseline);
            if bad.is_empty() {
                Ok(String::new())
            } else {
                Err(bad.join("\n"))
            }
        }),
        Check::new("taint is as expected", || {
            let text = outcome.report.get("tainted").unwrap_or_default();
            let taint: u32 = text.trim().parse().map_err(|e| format!("{text:?}: {e}"))?;
            let unsigned = if scenario.run.stock.is_some() || scenario.run.host.is_some() {
                UNSIGNED
            } else {
                0
            };
            let expected = TAINT | unsigned;
            if taint & !expected == 0 {
                Ok(String::new())
            } else {
                Err(format!("{taint:#x}, of which {expected:#x} is expected"))
            }
        }),
    ];
    if scenario.run.env.contains("KMEMLEAK=") {
        checks.push(Check::new("kmemleak finds nothing", || {
            let found = outcome.report.get("kmemleak").ok_or("it did not scan")?;
            // A report has "unreferenced object", some properties and a backtrace.
            let objects = found.split("unreferenced object").skip(1);
            let new: Vec<&str> = objects
                .filter(|object| !baseline.iter().any(|known| known.is_in(object)))
                .collect();
            if new.is_empty() {
                Ok(String::new())
            } else {
                Err(new.join("\n"))
            }
        }));
    }
    // Entries of the baseline must not outlive their reasons.
    if scenario.run.unpatched {
        for known in baseline.iter().filter(|known| !known.at_times) {
            checks.push(Check::new(
                format!("unpatched kernel says {:?}", known.text),
                || {
                    let leaks = outcome.report.get("kmemleak").unwrap_or_default();
                    if known.is_in(log) || known.is_in(leaks) {
                        Ok(String::new())
                    } else {
                        Err("it does not: take it off tests/lab/baseline".to_owned())
                    }
                },
            ));
        }
    }
    checks
}

/// Messages before a stack trace when memory is short. Scripts mark the lines between which they cause this.
const NO_MEMORY: [&str; 2] = ["page allocation failure", "vmalloc error"];
const ALLOCATIONS_FAIL: &str = "lab: allocations fail";
const NO_MORE: &str = "lab: allocations fail no more";

/// Beginning of KCSAN's reports.
const RACE: &str = "BUG: KCSAN: data-race";

/// Returns the lines of a KCSAN report after the first.
fn rest_of_report<'a>(after: impl Iterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    after.take_while(|line| !line.contains("======"))
}

/// Returns whether a KCSAN report has a function of KVM or exitstat in one of its two stack traces. `after` has
/// the lines after its first. Races in other code, such as between the idle loop and its tick, happen
/// occasionally with and without the patches.
fn is_of_kvm<'a>(after: impl Iterator<Item = &'a str>) -> bool {
    rest_of_report(after).any(|line| line.contains("[kvm"))
}

/// Returns the log lines with complaints, except those in `baseline` and those that a script causes.
pub fn complaints<'a>(log: &'a str, baseline: &[Known]) -> Vec<&'a str> {
    let expected = |line: &str| baseline.iter().any(|known| known.is_in(line));
    let (mut in_known_trace, mut allocations_fail) = (false, false);
    let mut bad = Vec::new();
    let mut lines = log.lines();
    while let Some(line) = lines.next() {
        if line.contains(RACE) && !is_of_kvm(lines.clone()) {
            continue;
        }
        if line.contains(OF_THE_PROCESSOR) {
            continue;
        }
        if line.contains(ALLOCATIONS_FAIL) {
            allocations_fail = !line.contains(NO_MORE);
        }
        let wanted = allocations_fail && NO_MEMORY.iter().any(|word| line.contains(word));
        if wanted || expected(line) {
            in_known_trace = true;
        } else if line.contains("Call Trace:") && in_known_trace {
            in_known_trace = false;
        } else if COMPLAINTS.iter().any(|word| line.contains(word)) {
            bad.push(line);
            if line.contains(RACE) {
                bad.extend(rest_of_report(lines.clone()));
            }
        }
    }
    bad
}

/// A message that the unpatched kernel logs too.
#[derive(Debug, PartialEq)]
pub struct Known {
    text: String,
    /// Only some runs have it, so a run without it does not make it obsolete.
    at_times: bool,
}

impl Known {
    /// Returns the text to look for in the log.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn is_in(&self, said: &str) -> bool {
        said.contains(&self.text)
    }
}

/// Returns the messages that the unpatched kernel of a flavour logs too.
fn baseline(workspace: &Workspace, flavour: Flavour) -> Result<Vec<Known>, String> {
    let text = std::fs::read_to_string(workspace.path("tests/lab/baseline"))
        .map_err(|e| format!("tests/lab/baseline: {e}"))?;
    Ok(parse_baseline(&text, flavour))
}

/// Parses a baseline with one text per line. Before the text may be the flavours that log it, if not all do,
/// then `at times: ` if not every run has it; each ends with a colon. The reason follows after `#`.
pub fn parse_baseline(text: &str, flavour: Flavour) -> Vec<Known> {
    let lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim());
    let of_flavour = lines.filter_map(|line| match line.split_once(": ") {
        Some((flavours, known)) => flavours
            .split(' ')
            .any(|name| Flavour::from_str(name, false) == Ok(flavour))
            .then_some(known),
        None => Some(line),
    });
    of_flavour
        .filter(|line| !line.is_empty())
        .map(|line| {
            let text = line.strip_prefix("at times: ");
            Known {
                at_times: text.is_some(),
                text: text.unwrap_or(line).to_owned(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(known: &[Known]) -> Vec<&str> {
        known.iter().map(|known| known.text.as_str()).collect()
    }

    #[test]
    fn only_what_the_baseline_has_is_overlooked() {
        let known = parse_baseline("topology.c # the emulator\n\n# nothing\n", Flavour::Plain);
        assert_eq!(texts(&known), ["topology.c"]);
        let log = "[1] SRSO: WARNING: See https://kernel.org/doc/html/latest/admin-guide/hw-vuln/srso.html\nWARNING: at topology.c:1\n Call Trace:\n ok\nBUG: bad\n Call Trace:\n";
        assert_eq!(complaints(log, &known), ["BUG: bad", " Call Trace:"]);
    }

    #[test]
    fn failed_allocations_are_no_complaint_while_a_script_makes_them_fail() {
        let failure = "bare: page allocation failure: order:4\n Call Trace:\n";
        let log = format!("{ALLOCATIONS_FAIL}\n{failure}BUG: bad\n{NO_MORE}\n ok\n");
        assert_eq!(complaints(&log, &[]), ["BUG: bad"]);
        assert_eq!(
            complaints(&(log + failure), &[]),
            ["BUG: bad", " Call Trace:"]
        );
    }

    #[test]
    fn a_baseline_may_be_of_one_flavour() {
        let text = "# what\na.c # why\nkcsan debug: b.c\nkcsan: c.c # why\n\n";
        let of = |flavour| parse_baseline(text, flavour);
        assert_eq!(texts(&of(Flavour::Plain)), ["a.c"]);
        assert_eq!(texts(&of(Flavour::Debug)), ["a.c", "b.c"]);
        assert_eq!(texts(&of(Flavour::Kcsan)), ["a.c", "b.c", "c.c"]);
        assert!(of(Flavour::Kcsan).iter().all(|known| !known.at_times));
    }

    #[test]
    fn what_is_said_at_times_is_overlooked_too() {
        let known = parse_baseline("kcsan: at times: race in a / b # why\n", Flavour::Kcsan);
        assert!(known.iter().all(|known| known.at_times));
        let log = "BUG: KCSAN: race in a / b\nBUG: KCSAN: race in a / c\n";
        assert_eq!(complaints(log, &known), ["BUG: KCSAN: race in a / c"]);
    }

    #[test]
    fn races_with_no_function_of_kvm_in_them_are_not_ours() {
        let report = |deep| {
            format!(
                "====\n======\n{RACE} in a / b\nread to 0x1 of 4 bytes by task 1:\n a+0x1/0x2\n {deep}\n\
                 ======\n vcpu_run+0x1/0x2 [kvm]\n"
            )
        };
        assert_eq!(complaints(&report("do_idle+0x1/0x2"), &[]), [""; 0]);
        let first = format!("{RACE} in a / b");
        let rest = ["read to 0x1 of 4 bytes by task 1:", " a+0x1/0x2"];
        for ours in ["vcpu_run+0x1/0x2 [kvm]", "exit+0x1/0x2 [kvm_exitstat]"] {
            // The whole report is printed, because it has the place.
            let deep = format!(" {ours}");
            assert_eq!(
                complaints(&report(ours), &[]),
                [first.as_str(), rest[0], rest[1], &deep]
            );
        }
    }
}
