// SPDX-License-Identifier: GPL-2.0

//! All of the host's views: the device's snapshot, the text in debugfs, and the output of `exitstat`. They must
//! all agree.

use super::{agreement::Totals, check::Check};
use crate::report::{bytes, Report};
use exitstat_core::{
    histogram::bucket_of,
    snapshot::{Owner, Snapshot},
    tally::Tally,
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    io::Write,
    process::{Command, Stdio},
};

/// Maximum instructions of a snapshot of a VM with 8 vCPUs: a tenth of a millisecond at 2 GHz and one
/// instruction per cycle.
const SNAPSHOT_CYCLES: u64 = 200_000;

type Tallies = BTreeMap<u32, Tally>;

/// Returns all checks of the scenario `host`.
pub fn checks(report: &Report) -> Vec<Check> {
    let text = |name: &str| {
        report
            .get(&format!("host {name}"))
            .ok_or_else(|| format!("no section {name:?}"))
    };
    let totals = || -> Result<Tallies, String> {
        let totals = Totals::parse(text("totals")?)?;
        let taken = totals.by_reason.into_iter();
        Ok(taken.filter(|(_, tally)| tally.exits != 0).collect())
    };
    let same = |name: &str, seen: Result<Tallies, String>| -> Result<String, String> {
        let (seen, totals) = (seen?, totals()?);
        if seen == totals && !seen.is_empty() {
            let sum: Tally = seen.values().copied().sum();
            Ok(format!("{} exits, {} reasons", sum.exits, seen.len()))
        } else {
            Err(format!("{name}: {seen:?}\ntotals: {totals:?}"))
        }
    };
    vec![
        Check::new("the snapshot's CPUs equal debugfs totals", || {
            same("snapshot", of_cpus(&bytes(text("snapshot")?)?))
        }),
        Check::new("its vCPUs and the retired ones equal the host's", || {
            same("vCPUs", of_vcpus(&bytes(text("snapshot")?)?))
        }),
        Check::new(
            "each histogram has its row's exits, and the longest",
            || histograms(&bytes(text("snapshot")?)?),
        ),
        Check::new("debugfs cpus add up to totals", || {
            same("cpus", of_text(text("cpus")?, 1))
        }),
        Check::new("debugfs reasons add up to totals", || {
            same("reasons", of_text(text("reasons")?, 2))
        }),
        Check::new("exitstat --format json has the totals", || {
            same("json", of_json(text("json")?))
        }),
        Check::new("exitstat --format csv has the totals", || {
            same("csv", of_csv(text("csv")?))
        }),
        Check::new("a recorded boot has the totals", || {
            // Nothing happened after the last sample: a guest's shutdown is no exit.
            same("recording", of_json(text("recording")?))
        }),
        Check::new("promtool is content with the metrics", || {
            promtool(text("metrics")?)
        }),
        Check::new("a snapshot of 8 vCPUs is taken in no time", || {
            let time = text("snapshot time")?;
            let cycles = time.lines().filter_map(|l| l.strip_prefix("cycles "));
            let cycles: Vec<u64> = cycles.filter_map(|n| n.parse().ok()).collect();
            let seen = time.split_whitespace().collect::<Vec<_>>().join(" ");
            // The minimum, because host timers fire during some.
            if cycles.len() == 3 && cycles.iter().any(|&n| n < SNAPSHOT_CYCLES) {
                Ok(seen)
            } else {
                Err(seen)
            }
        }),
        Check::new("an answer lies between two snapshots", || {
            let exits = |name| -> Result<u64, String> {
                let tallies = of_csv(text(name)?)?;
                Ok(tallies.get(&10).ok_or("no CPUID")?.exits)
            };
            let answer = text("answer")?;
            let answer = answer.lines().find_map(|l| l.strip_prefix("before "));
            let answer: u64 = answer.and_then(|n| n.parse().ok()).ok_or("no answer")?;
            let (before, after) = (exits("before")?, exits("after")?);
            let seen = format!("{before} < {answer} < {after}");
            if before < answer && answer < after {
                Ok(seen)
            } else {
                Err(seen)
            }
        }),
        Check::new("exitstat 1 2: since the load, then for a second", || {
            intervals(text("intervals")?)
        }),
        Check::new("what a guest reads is what the host sees", || {
            let reading = |name| of_json(said(text("guest")?, name)?);
            between(
                &reading("first: ")?,
                &of_json(text("vm")?)?,
                &reading("second: ")?,
            )
        }),
        Check::new(
            "exitstat guest without leaves has a status of its own",
            || {
                let line = text("guest")?
                    .lines()
                    .find_map(|l| l.strip_prefix("@guest status without leaves: "));
                match line {
                    Some(status) if !["0", "1"].contains(&status) => Ok(status.to_owned()),
                    other => Err(format!("{other:?}")),
                }
            },
        ),
        Check::new("ept=0 against ept=1: what shadow paging changes", || {
            shadow_paging(text("diff")?)
        }),
    ]
}

/// Returns the rest of a line that the guest marked.
fn said<'a>(console: &'a str, what: &str) -> Result<&'a str, String> {
    let mut marked = console.lines().filter_map(|l| l.split_once("@guest "));
    let line = marked.find_map(|(_, line)| line.strip_prefix(what));
    line.ok_or_else(|| format!("the guest did not say {what:?}"))
}

/// Sums the rows of the records that `wanted` selects.
fn sums(bytes: &[u8], wanted: impl Fn(&Owner) -> bool) -> Result<Tallies, String> {
    let damaged = |e| format!("{e:?}");
    let mut sums = Tallies::new();
    for record in Snapshot::parse(bytes).map_err(damaged)?.records() {
        let record = record.map_err(damaged)?;
        for row in record.rows().filter(|_| wanted(&record.owner)) {
            let head = row.map_err(damaged)?.head;
            let sum = sums.entry(head.reason).or_default();
            *sum = sum.plus(Tally {
                exits: head.exits,
                cycles: head.cycles,
            });
        }
    }
    Ok(sums)
}

fn of_cpus(bytes: &[u8]) -> Result<Tallies, String> {
    sums(bytes, |owner| matches!(owner, Owner::Cpu(_)))
}

fn of_vcpus(bytes: &[u8]) -> Result<Tallies, String> {
    sums(bytes, |owner| !matches!(owner, Owner::Cpu(_)))
}

/// Checks that each histogram adds up to its row's exits, and that its last bucket contains the longest exit.
fn histograms(bytes: &[u8]) -> Result<String, String> {
    let damaged = |e| format!("{e:?}");
    let mut rows = 0;
    for record in Snapshot::parse(bytes).map_err(damaged)?.records() {
        let record = record.map_err(damaged)?;
        if matches!(record.owner, Owner::Cpu(_)) {
            continue;
        }
        for row in record.rows() {
            let row = row.map_err(damaged)?;
            let (head, histogram) = (row.head, row.histogram());
            let top = histogram.iter().rposition(|&exits| exits != 0);
            if histogram.iter().sum::<u64>() != head.exits
                || top != Some(bucket_of(head.max) as usize)
                || head.max > head.cycles
            {
                return Err(format!("{head:?} {histogram:?}"));
            }
            rows += 1;
        }
    }
    if rows > 5 {
        Ok(format!("{rows} rows"))
    } else {
        Err(format!("{rows} rows only"))
    }
}

/// Sums lines of debugfs. Their columns: `owner` columns for the owner, then number, name, exits and cycles.
fn of_text(text: &str, owner: usize) -> Result<Tallies, String> {
    let mut sums = Tallies::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().skip(owner).collect();
        let number = |i: usize| {
            let word = words.get(i).copied().unwrap_or_default();
            word.parse::<u64>().map_err(|e| format!("{line:?}: {e}"))
        };
        let reason = u32::try_from(number(0)?).map_err(|e| e.to_string())?;
        let sum = sums.entry(reason).or_default();
        *sum = sum.plus(Tally {
            exits: number(2)?,
            cycles: number(3)?,
        });
    }
    Ok(sums)
}

/// Returns the rows of an `exits` document without those that are zero.
fn of_json(text: &str) -> Result<Tallies, String> {
    let line = text.lines().last().unwrap_or_default();
    let document: Value = serde_json::from_str(line).map_err(|e| format!("{line}: {e}"))?;
    if document["schema"] != "exitstat/1" || document["document"] != "exits" {
        return Err(format!("not a document of exits: {line}"));
    }
    let rows = document["reasons"].as_array().ok_or("no rows")?;
    let mut tallies = Tallies::new();
    for row in rows {
        let number = |key: &str| row[key].as_u64().ok_or_else(|| format!("{key}: {row}"));
        let reason = u32::try_from(number("number")?).map_err(|e| e.to_string())?;
        let tally = Tally {
            exits: number("exits")?,
            cycles: number("cycles")?,
        };
        if tally != Tally::default() && tallies.insert(reason, tally).is_some() {
            return Err(format!("twice: {row}"));
        }
    }
    Ok(tallies)
}

/// Returns the rows of a CSV document.
fn of_csv(text: &str) -> Result<Tallies, String> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let column = |name: &str| {
        let at = names.iter().position(|&n| n == name);
        at.ok_or_else(|| format!("no column {name} in {names:?}"))
    };
    let (reason, exits, cycles) = (column("number")?, column("exits")?, column("cycles")?);
    let mut tallies = Tallies::new();
    for line in lines {
        let words: Vec<&str> = line.split(',').collect();
        // The total's line has no number.
        if words.get(reason).is_none_or(|word| word.is_empty()) {
            continue;
        }
        let number = |word: &str| word.parse::<u64>().map_err(|e| format!("{line:?}: {e}"));
        let at = |i: usize| number(words.get(i).copied().unwrap_or_default());
        let tally = Tally {
            exits: at(exits)?,
            cycles: at(cycles)?,
        };
        let reason = u32::try_from(at(reason)?).map_err(|e| e.to_string())?;
        if tally != Tally::default() && tallies.insert(reason, tally).is_some() {
            return Err(format!("twice: {line}"));
        }
    }
    Ok(tallies)
}

/// Checks two documents. The first, since the module was loaded, has no length. The second has a length, and
/// the noisy guest has exits in it, but fewer than in the first.
fn intervals(text: &str) -> Result<String, String> {
    let mut documents = Vec::new();
    for line in text.lines() {
        let document: Value = serde_json::from_str(line).map_err(|e| format!("{line}: {e}"))?;
        documents.push((
            document["seconds"].as_f64(),
            document["total"]["exits"].as_u64().unwrap_or(0),
        ));
    }
    let seen = format!("{documents:?}");
    match documents[..] {
        [(None, all), (Some(seconds), some)] if seconds > 0.0 && 0 < some && some < all => Ok(seen),
        _ => Err(seen),
    }
}

/// Checks metrics with Prometheus' own checker.
fn promtool(metrics: &str) -> Result<String, String> {
    let check = || -> std::io::Result<std::process::Output> {
        let mut promtool = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = promtool.stdin.take() {
            stdin.write_all(metrics.as_bytes())?;
        }
        promtool.wait_with_output()
    };
    let output = check().map_err(|e| format!("promtool, of Debian's prometheus: {e}"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let series = metrics
        .lines()
        .filter(|line| !line.starts_with('#'))
        .count();
    if output.status.success() && said.is_empty() && series > 50 {
        Ok(format!("{series} series"))
    } else {
        Err(format!("{}, {series} series: {said}", output.status))
    }
}

/// Checks that the host's counts are between two readings of the guest, and the same where those are equal:
/// counters only grow.
fn between(first: &Tallies, host: &Tallies, second: &Tallies) -> Result<String, String> {
    let (mut equal, mut moved) = (0, 0);
    for reason in 0..86 {
        let exits = |tallies: &Tallies| tallies.get(&reason).map_or(0, |tally| tally.exits);
        let (a, b, c) = (exits(first), exits(host), exits(second));
        if !(a <= b && b <= c) {
            return Err(format!("reason {reason}: {a}, the host {b}, then {c}"));
        }
        if a == c && a != 0 {
            equal += 1;
        } else if a != c {
            moved += 1;
        }
    }
    if equal > 2 && moved > 0 {
        Ok(format!("{equal} reasons equal, {moved} between"))
    } else {
        Err(format!("{equal} reasons equal, {moved} between"))
    }
}

/// Checks for the exits of shadow paging: writes to control registers, page invalidations and page faults where
/// nested paging has exits of its own.
fn shadow_paging(text: &str) -> Result<String, String> {
    let line = text.lines().last().unwrap_or_default();
    let document: Value = serde_json::from_str(line).map_err(|e| format!("{line}: {e}"))?;
    let rows = document["reasons"].as_array().ok_or("no rows")?;
    let exits = |name: &str, of: &str| {
        let row = rows.iter().find(|row| row["name"] == name);
        row.and_then(|row| row["exits"][of].as_f64()).unwrap_or(0.0)
    };
    let mut seen = Vec::new();
    for name in ["CR_ACCESS", "INVLPG", "EXCEPTION_NMI"] {
        let (a, b) = (exits(name, "a"), exits(name, "b"));
        if b <= a {
            return Err(format!("{name}: {a} with ept=1, {b} with ept=0"));
        }
        seen.push(format!("{name} {a} to {b}"));
    }
    for name in ["EPT_VIOLATION", "EPT_MISCONFIG"] {
        let (a, b) = (exits(name, "a"), exits(name, "b"));
        if a == 0.0 || b != 0.0 {
            return Err(format!("{name}: {a} with ept=1, {b} with ept=0"));
        }
        seen.push(format!("{name} {a} to {b}"));
    }
    Ok(seen.join(", "))
}
