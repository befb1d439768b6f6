// SPDX-License-Identifier: GPL-2.0

//! The module's file `totals`.

use exitstat_core::reason::REASONS;
use exitstat_lab::suite::agreement::Totals;

/// A parsed file has all reasons and no others. Printed in the module's format, it can be parsed again.
pub fn run(data: &[u8]) {
    let text = crate::text(data);
    let Ok(totals) = Totals::parse(&text) else {
        return;
    };
    assert_eq!(text.lines().count(), REASONS.len() + 2, "each line once");
    let words = text.lines().filter_map(|l| l.split_whitespace().next());
    let mut numbers: Vec<u64> = words.filter_map(|word| word.parse().ok()).collect();
    numbers.sort_unstable();
    assert!(numbers
        .into_iter()
        .eq(REASONS.iter().map(|r| u64::from(r.number))));
    let mut printed = String::new();
    for r in &REASONS {
        let tally = totals.by_reason[&r.number];
        printed += &format!("{} {} {} {}\n", r.number, r.name, tally.exits, tally.cycles);
    }
    let undefined = totals.undefined;
    printed += &format!("undefined {} {}\n", undefined.exits, undefined.cycles);
    printed += &format!("unattached {}\n", totals.unattached);
    assert_eq!(Totals::parse(&printed), Ok(totals));
}
