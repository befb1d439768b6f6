// SPDX-License-Identifier: GPL-2.0

//! A recording of some VMs against the tracepoint's histogram of only these.

use super::{agreement::parse_histogram, check::Check};
use crate::report::Report;
use serde_json::Value;
use std::collections::BTreeMap;

/// Compares a JSON report with a histogram, reason by reason.
fn compare(recording: &str, histogram: &str) -> Result<String, String> {
    let json: Value = serde_json::from_str(recording).map_err(|e| format!("{e}: {recording:?}"))?;
    if json["of"]["kind"] != "vms" {
        return Err(format!("the recording is of {}", json["of"]));
    }
    let rows = json["reasons"].as_array().into_iter().flatten();
    let recorded: Option<BTreeMap<u32, u64>> = rows
        .map(|row| {
            Some((
                u32::try_from(row["number"].as_u64()?).ok()?,
                row["exits"].as_u64()?,
            ))
        })
        .collect();
    let recorded = recorded.ok_or_else(|| format!("not a report: {recording:?}"))?;
    let traced = parse_histogram(histogram)?;
    match recorded == traced {
        true => Ok(format!(
            "{} exits, {} reasons, all equal",
            traced.values().sum::<u64>(),
            traced.len()
        )),
        false => Err(format!("recorded {recorded:?}, traced {traced:?}")),
    }
}

/// Returns the check of `tests/lab/names`.
pub fn checks(report: &Report) -> Vec<Check> {
    vec![Check::new(
        "a recording of a command's VMs agrees with the tracepoint without the neighbour",
        || {
            let section = |name| report.get(name).unwrap_or_default();
            compare(section("names recording"), section("names hist"))
        },
    )]
}

#[cfg(test)]
mod tests {
    use super::compare;

    const HISTOGRAM: &str = "{ exit_reason:         10 } hitcount:          3\n\
                             Totals:\n    Hits: 3\n    Entries: 1\n    Dropped: 0\n";

    fn report(kind: &str, number: u32, exits: u64) -> String {
        format!(
            "{{\"of\":{{\"kind\":{kind:?}}},\"reasons\":[{{\"number\":{number},\"exits\":{exits}}}]}}"
        )
    }

    #[test]
    fn only_equal_counts_of_some_vms_agree() {
        let seen = compare(&report("vms", 10, 3), HISTOGRAM);
        assert_eq!(seen.as_deref(), Ok("3 exits, 1 reasons, all equal"));
        for other in [
            report("host", 10, 3),
            report("vms", 12, 3),
            report("vms", 10, 4),
            String::new(),
        ] {
            assert!(compare(&other, HISTOGRAM).is_err(), "{other}");
        }
    }
}
