// SPDX-License-Identifier: GPL-2.0

//! A kernel log, after a baseline of messages to ignore.

use exitstat_lab::{
    flavour::Flavour,
    suite::health::{complaints, parse_baseline},
};

/// Only messages in the baseline are ignored, each with at most one call trace after it.
pub fn run(data: &[u8]) {
    let text = crate::text(data);
    let (list, log) = text.split_once("\n--\n").unwrap_or(("", &text));
    let list = parse_baseline(list, Flavour::Plain);
    assert!(list
        .iter()
        .all(|known| !known.text().is_empty() && !known.text().contains('#')));
    let bad = complaints(log, &list);
    let all = complaints(log, &[]);
    assert!(bad.iter().all(|line| all.contains(line)));
    let known = |line: &&str| list.iter().any(|known| line.contains(known.text()));
    assert!(!bad.iter().any(known));
    let traces = log.lines().filter(known).count();
    let missing = all.iter().filter(|line| !known(line)).count() - bad.len();
    assert!(missing <= traces);
}
