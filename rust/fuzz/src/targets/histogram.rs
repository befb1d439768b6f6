// SPDX-License-Identifier: GPL-2.0

//! The histogram of the tracepoint `kvm:kvm_exit`.

use exitstat_lab::suite::agreement::parse_histogram;

/// A parsed histogram is not empty and has 16-bit reasons. Printed in the kernel's format, it can be parsed
/// again.
pub fn run(data: &[u8]) {
    let Ok(counts) = parse_histogram(&crate::text(data)) else {
        return;
    };
    assert!(!counts.is_empty());
    assert!(counts.keys().all(|&reason| reason <= 0xffff));
    let rows = counts
        .iter()
        .map(|(reason, hits)| format!("{{ exit_reason: {reason:10} }} hitcount: {hits:10}\n"));
    let printed = format!(
        "# event histogram\n\n{}\nTotals:\n    Dropped: 0\n",
        rows.collect::<String>()
    );
    assert_eq!(parse_histogram(&printed), Ok(counts));
}
