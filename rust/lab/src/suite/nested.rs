// SPDX-License-Identifier: GPL-2.0

//! Exits of nested guests, and those that their hypervisors got, against KVM's tracepoints.

use super::{agreement::rows_of_histogram, check::Check};
use crate::report::Report;
use std::collections::BTreeMap;

/// Reasons whose exits KVM also emulates to inject an event, so that no exit of the nested guest comes before:
/// exceptions, interrupts, triple faults, INIT, SIPI, windows, the monitor trap flag, the preemption timer.
const INJECTED: [u32; 9] = [0, 1, 2, 3, 4, 7, 8, 37, 52];
/// It is handled where KVM does not trace that the exit was a nested guest's.
const FASTPATH: u32 = 52;

/// By reason, exits that were a nested guest's, and those that were reflected, of vCPUs that are gone.
fn counted(reasons: &str) -> Result<BTreeMap<u32, (u64, u64)>, String> {
    let mut counted = BTreeMap::new();
    for line in reasons.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let bad = || format!("not a row of reasons: {line:?}");
        let ["retired", _, reason, _, _, _, _, _, _, nested, reflected, ..] = words[..] else {
            return Err(bad());
        };
        let number = |word: &str| word.parse::<u64>().map_err(|_| bad());
        let reason = number(reason)? as u32;
        counted.insert(reason, (number(nested)?, number(reflected)?));
    }
    Ok(counted)
}

fn compare(reasons: &str, exits: &str, injected: &str) -> Result<String, String> {
    let counted = counted(reasons)?;
    let exits = rows_of_histogram(exits, "exit_reason")?;
    let injected = rows_of_histogram(injected, "exit_code")?;
    let (mut wrong, mut nested_sum, mut reflected_sum) = (Vec::new(), 0, 0);
    for reason in 0..=86 {
        let (nested, reflected) = counted.get(&reason).copied().unwrap_or_default();
        let of = |map: &BTreeMap<u32, u64>| map.get(&reason).copied().unwrap_or(0);
        let (traced, vmexits) = (of(&exits), of(&injected));
        let exact = reason != FASTPATH;
        if (exact && nested != traced) || nested < traced {
            wrong.push(format!("reason {reason}: {nested} nested, {traced} traced"));
        }
        if (!INJECTED.contains(&reason) && reflected != vmexits) || reflected > vmexits {
            wrong.push(format!(
                "reason {reason}: {reflected} reflected, {vmexits} traced"
            ));
        }
        if reflected > nested {
            wrong.push(format!(
                "reason {reason}: {nested} nested, {reflected} of them reflected"
            ));
        }
        nested_sum += nested;
        reflected_sum += reflected;
    }
    let text = format!("{nested_sum} exits of nested guests, {reflected_sum} reflected");
    match wrong.is_empty() && reflected_sum > 0 && nested_sum > reflected_sum {
        true => Ok(text),
        false => Err(format!("{text}; {}", wrong.join("; "))),
    }
}

/// What tests/lab/nested/l1.sh saw.
pub fn checks(report: &Report) -> Vec<Check> {
    let section = |name| report.get(name).unwrap_or_default();
    vec![Check::new(
        "exits of nested guests, and reflected ones, are the tracepoints'",
        || {
            compare(
                section("nested reasons"),
                section("nested exits"),
                section("nested injected"),
            )
        },
    )]
}
