// SPDX-License-Identifier: GPL-2.0

//! Exits of nested guests, and those reflected to their hypervisors, against KVM's tracepoints.

use super::{
    check::{self, Check},
    histogram,
};
use crate::report::Report;
use std::collections::BTreeMap;

/// Reasons that KVM also synthesizes to inject an event, without a preceding exit of the nested guest:
/// exceptions, interrupts, triple faults, INIT, SIPI, interrupt and NMI windows, the monitor trap flag, the
/// preemption timer.
const INJECTED: [u32; 9] = [0, 1, 2, 3, 4, 7, 8, 37, 52];
/// Reasons whose exits may become another reason for the hypervisor: emulation that finds memory missing there,
/// and Hyper-V's TLB flush hypercall, whose reason looks like 49 in the histogram.
const CHANGED: [u32; 4] = [18, 30, 48, 49];
/// A reason that is handled where KVM does not trace whether a nested guest exited.
const FASTPATH: u32 = 52;

/// Returns exits of nested guests and reflected exits by reason, for retired vCPUs.
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

/// Compares the counters with the tracepoints. `plain` means that the guest does nothing unusual.
fn compare(reasons: &str, exits: &str, injected: &str, plain: bool) -> Result<String, String> {
    let counted = counted(reasons)?;
    let exits = histogram::by_reason(exits, "exit_reason")?;
    let injected = histogram::by_reason(injected, "exit_code")?;
    let (mut wrong, mut nested_sum, mut reflected_sum) = (Vec::new(), 0, 0);
    for reason in 0..=86 {
        let (nested, reflected) = counted.get(&reason).copied().unwrap_or_default();
        let of = |map: &BTreeMap<u32, u64>| map.get(&reason).copied().unwrap_or(0);
        let (traced, vmexits) = (of(&exits), of(&injected));
        let exact = reason != FASTPATH;
        if (exact && nested != traced) || nested < traced {
            wrong.push(format!("reason {reason}: {nested} nested, {traced} traced"));
        }
        let exact = !INJECTED.contains(&reason);
        let may_change = !plain && CHANGED.contains(&reason);
        if !may_change && ((exact && reflected != vmexits) || reflected > vmexits) {
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
    let all: u64 = injected.values().sum();
    if reflected_sum > all {
        wrong.push(format!("{reflected_sum} reflected, {all} traced"));
    }
    let text = format!("{nested_sum} exits of nested guests, {reflected_sum} reflected");
    match wrong.is_empty() && reflected_sum > 0 && nested_sum > reflected_sum {
        true => Ok(text),
        false => Err(format!("{text}; {}", wrong.join("; "))),
    }
}

/// Returns the checks of tests/lab/nested/l1.sh.
pub fn checks(report: &Report) -> Vec<Check> {
    check::for_each(report, "nested", "reasons", |name, section| {
        Check::new(
            format!("exits of nested guests, and reflected ones, are the tracepoints', {name}"),
            || {
                let plain = name.contains("Linux");
                compare(
                    section("reasons"),
                    section("exits"),
                    section("injected"),
                    plain,
                )
            },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REASONS: &str = "retired - 10 CPUID 9 900 200 0 0 7 6 7:9\n\
        retired - 48 EPT_VIOLATION 5 500 200 0 0 4 1 7:5\n";

    fn histogram(key: &str, rows: &[(u32, u64)]) -> String {
        let rows = rows
            .iter()
            .map(|(reason, hits)| format!("{{ {key}: {reason:10} }} hitcount: {hits:10}\n"));
        rows.collect::<String>() + "Totals:\n    Dropped: 0\n"
    }

    fn compared(nested: &[(u32, u64)], injected: &[(u32, u64)], plain: bool) -> bool {
        let (nested, injected) = (
            histogram("exit_reason", nested),
            histogram("exit_code", injected),
        );
        compare(REASONS, &nested, &injected, plain).is_ok()
    }

    #[test]
    fn equal_counts_agree_and_others_do_not() {
        let nested = [(10, 7), (48, 4)];
        assert!(compared(&nested, &[(10, 6), (48, 1), (1, 3)], true));
        assert!(!compared(&[(10, 6), (48, 4)], &[(10, 6), (48, 1)], true));
        assert!(!compared(&nested, &[(10, 5), (48, 1)], true));
        assert!(!compared(&nested, &[(10, 6), (48, 2)], true));
        // A reason other than the exit's own: only with unusual guests.
        assert!(compared(&nested, &[(10, 6), (48, 2)], false));
        assert!(!compared(&nested, &[(10, 7), (48, 1)], false));
        assert!(compare("", "", "", false).is_err());
    }
}
