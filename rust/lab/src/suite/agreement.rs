// SPDX-License-Identifier: GPL-2.0

//! The module's totals against the histogram of the tracepoint `kvm:kvm_exit`, over whole lifetimes of guests.
//! Each reason must agree exactly.

use super::{
    check::{self, Check},
    histogram,
};
use crate::report::Report;
use exitstat_core::{reason::REASONS, tally::Tally};
use std::collections::BTreeMap;

/// Content of `kvm_exitstat/totals`.
#[derive(Debug, PartialEq, Eq)]
pub struct Totals {
    /// Exits by reason of the SDM.
    pub by_reason: BTreeMap<u32, Tally>,
    /// Exits with a reason that the SDM does not define.
    pub undefined: Tally,
    /// Number of vCPUs whose counters could not be allocated.
    pub unattached: u64,
}

impl Totals {
    /// Parses the file. Each line must be there once, and each reason must have its name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut by_reason, mut undefined, mut unattached) = (BTreeMap::new(), None, None);
        let number = |word: &str| word.parse::<u64>().map_err(|e| format!("{word:?}: {e}"));
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let tally = |exits, cycles| -> Result<Tally, String> {
                Ok(Tally {
                    exits: number(exits)?,
                    cycles: number(cycles)?,
                })
            };
            let twice = match words[..] {
                ["undefined", exits, cycles] => undefined.replace(tally(exits, cycles)?).is_some(),
                ["unattached", vcpus] => unattached.replace(number(vcpus)?).is_some(),
                [reason, name, exits, cycles] => {
                    let reason = number(reason)?;
                    let known = REASONS.iter().find(|r| u64::from(r.number) == reason);
                    let Some(known) = known.filter(|r| r.name == name) else {
                        return Err(format!("not a reason of that name: {line}"));
                    };
                    let tally = tally(exits, cycles)?;
                    by_reason.insert(known.number, tally).is_some()
                }
                _ => return Err(format!("not a line of totals: {line:?}")),
            };
            if twice {
                return Err(format!("given twice: {line}"));
            }
        }
        if by_reason.len() != REASONS.len() {
            return Err(format!(
                "{} reasons, not {}",
                by_reason.len(),
                REASONS.len()
            ));
        }
        Ok(Self {
            by_reason,
            undefined: undefined.ok_or("no line of undefined")?,
            unattached: unattached.ok_or("no line of unattached")?,
        })
    }

    /// Returns the sum of all reasons.
    fn sum(&self) -> Tally {
        let all = self.by_reason.values().copied();
        all.chain([self.undefined]).sum()
    }

    /// Returns the number of exits.
    pub fn exits(&self) -> u64 {
        self.sum().exits
    }
}

/// Returns the histogram's exits by basic reason.
pub fn parse_histogram(text: &str) -> Result<BTreeMap<u32, u64>, String> {
    histogram::by_reason(text, "exit_reason")
}

/// Compares the files. `unattached` is the expected number of vCPUs whose counters could not be allocated.
fn compare(totals: &str, histogram: &str, vcpus: &str, unattached: &str) -> Result<String, String> {
    let expected: u64 = unattached
        .trim()
        .parse()
        .map_err(|e| format!("unattached {unattached:?}: {e}"))?;
    let totals = Totals::parse(totals)?;
    let histogram = parse_histogram(histogram)?;
    let mut wrong = Vec::new();
    for (&reason, tally) in &totals.by_reason {
        let expected = histogram.get(&reason).copied().unwrap_or(0);
        if tally.exits != expected {
            wrong.push(format!(
                "reason {reason}: {} counted, {expected} traced",
                tally.exits
            ));
        }
        if (tally.exits == 0) != (tally.cycles == 0) {
            wrong.push(format!("reason {reason}: {tally:?}"));
        }
    }
    let others = |reason: &&u32| !totals.by_reason.contains_key(reason);
    let undefined: u64 = histogram
        .keys()
        .filter(others)
        .map(|reason| histogram[reason])
        .fold(0, u64::wrapping_add);
    if totals.undefined.exits != undefined {
        wrong.push(format!(
            "undefined: {} counted, {undefined} traced",
            totals.undefined.exits
        ));
    }
    // All vCPUs began and ended while the module was loaded, so their sum is the host's total, unless
    // allocations failed.
    let sum = totals.sum();
    let retired = format!("retired {} {}\n", sum.exits, sum.cycles);
    if (vcpus == retired) != (expected == 0) {
        wrong.push(format!("of vCPUs: {vcpus:?}, of the host: {retired:?}"));
    }
    if totals.unattached != expected {
        wrong.push(format!("unattached {}, not {expected}", totals.unattached));
    }
    if wrong.is_empty() {
        let reasons = histogram.len();
        Ok(format!(
            "{} exits, {reasons} reasons, all equal",
            totals.exits()
        ))
    } else {
        Err(wrong.join("; "))
    }
}

/// Returns a check for each call of `agreement` in a script.
pub fn checks(report: &Report) -> Vec<Check> {
    check::for_each(report, "agreement", "totals", |name, section| {
        Check::new(format!("agrees with the tracepoint, {name}"), || {
            compare(
                section("totals"),
                section("hist"),
                section("vcpus"),
                section("unattached"),
            )
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(cpuid: u64) -> String {
        let lines = REASONS.iter().map(|r| match r.number {
            10 => format!("10 CPUID {cpuid} 500\n"),
            n => format!("{n} {} 0 0\n", r.name),
        });
        lines.collect::<String>() + "undefined 1 2\nunattached 0\n"
    }

    const HISTOGRAM: &str = "# event histogram\n\
        { exit_reason:         10 } hitcount:          7\n\
        { exit_reason: 2147483658 } hitcount:          2\n\
        { exit_reason:         99 } hitcount:          1\n\n\
        Totals:\n    Hits: 10\n    Entries: 3\n    Dropped: 0\n";

    fn compare(totals: &str, histogram: &str, vcpus: &str) -> Result<String, String> {
        super::compare(totals, histogram, vcpus, "0\n")
    }

    #[test]
    fn equal_counts_agree_with_flag_bits_folded() {
        let seen = compare(&totals(9), HISTOGRAM, "retired 10 502\n");
        assert_eq!(seen.as_deref(), Ok("10 exits, 2 reasons, all equal"));
    }

    #[test]
    fn one_exit_too_few_is_seen() {
        assert!(compare(&totals(8), HISTOGRAM, "retired 9 502\n").is_err());
    }

    #[test]
    fn an_exit_lost_from_the_vcpus_is_seen() {
        assert!(compare(&totals(9), HISTOGRAM, "retired 9 502\n").is_err());
    }

    #[test]
    fn vcpus_without_memory_are_in_the_hosts_totals_only() {
        let text = totals(9).replace("unattached 0", "unattached 2");
        let compare = |text: &str, vcpus, n| super::compare(text, HISTOGRAM, vcpus, n);
        assert!(compare(&text, "retired 3 102\n", "2\n").is_ok());
        assert!(compare(&text, "retired 3 102\n", "1\n").is_err());
        assert!(compare(&text, "retired 10 502\n", "2\n").is_err());
        assert!(compare(&totals(9), "retired 3 102\n", "0\n").is_err());
        assert!(compare(&totals(9), "retired 10 502\n", "").is_err());
    }

    #[test]
    fn a_histogram_that_lost_events_is_refused() {
        let lossy = HISTOGRAM.replace("Dropped: 0", "Dropped: 3");
        assert!(compare(&totals(9), &lossy, "retired 10 502\n").is_err());
    }

    #[test]
    fn an_empty_histogram_is_refused() {
        assert!(parse_histogram("Totals:\n    Hits: 0\n    Dropped: 0\n").is_err());
    }

    #[test]
    fn totals_with_a_reason_missing_or_misnamed_are_refused() {
        let text = totals(1);
        assert!(Totals::parse(&text).is_ok());
        assert!(Totals::parse(&text.replace("10 CPUID 1 500\n", "")).is_err());
        assert!(Totals::parse(&text.replace("10 CPUID", "10 HLT")).is_err());
        assert!(Totals::parse(&text.replace("undefined 1 2\n", "")).is_err());
        assert!(Totals::parse(&text.replace("unattached 0\n", "")).is_err());
    }

    #[test]
    fn totals_with_a_line_twice_or_a_larger_number_are_refused() {
        let text = totals(1);
        for line in ["10 CPUID 1 500\n", "undefined 1 2\n", "unattached 0\n"] {
            assert!(Totals::parse(&(text.clone() + line)).is_err(), "{line}");
        }
        assert!(Totals::parse(&text.replace("10 CPUID", "4294967306 CPUID")).is_err());
    }

    #[test]
    fn sums_that_overflow_do_not_panic() {
        let most = u64::MAX;
        let row = format!("{{ exit_reason: 10 }} hitcount: {most}\n");
        assert!(parse_histogram(&(row.clone() + &row + "Dropped: 0\n")).is_err());
        let other = format!("{{ exit_reason: 99 }} hitcount: {most}\n");
        let twice = other.clone() + &other.replace("99", "98") + &row + "Dropped: 0\n";
        assert!(compare(&totals(most), &twice, "").is_err());
    }
}
