// SPDX-License-Identifier: GPL-2.0

//! All checks of the lab on a report.

use exitstat_lab::{
    report::Report,
    suite::{
        agreement,
        check::{self, Check},
        leaves, numbers,
    },
};

/// No check panics, whatever numbers the report has, and the same report gives the same results. A check whose
/// data is missing fails.
pub fn run(data: &[u8]) {
    let text = crate::text(data);
    let (report, again) = (Report::parse(&text), Report::parse(&text));
    let same = all(&report, &text).into_iter().zip(all(&again, &text));
    for (check, twin) in same {
        assert_eq!((check.name, &check.result), (twin.name, &twin.result));
    }
    for check in all(&Report::default(), "") {
        assert!(check.result.is_err(), "{}", check.name);
    }
}

fn all(report: &Report, console: &str) -> Vec<Check> {
    let mut all = check::made_in_l1(report);
    all.extend(agreement::checks(report));
    all.extend(numbers::exact(report, 1000));
    all.extend(numbers::costs(report));
    all.extend(numbers::vcpus_are_not_stalled(report));
    all.extend([
        numbers::open_exit_counts(report),
        numbers::cycles_are_plausible(report),
        numbers::hog_is_not_charged(report),
        numbers::sleep_is_not_charged(report, 8, 100),
        numbers::user_space_is_told_apart(report),
        numbers::memory_is_charged(report),
        leaves::between(report, console),
        leaves::not_answered("off", console),
    ]);
    all.extend(leaves::checks(&leaves::parse(console), &[10, 30], &[37]));
    all
}
