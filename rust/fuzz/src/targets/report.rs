// SPDX-License-Identifier: GPL-2.0

//! Data from L1's report channel.

use exitstat_lab::report::Report;

/// A section exists only if it ends, with the same name. A report that was printed again parses to the same.
/// More text never removes a section.
pub fn run(data: &[u8]) {
    let text = crate::text(data);
    let report = Report::parse(&text);
    let has = |line: String| text.lines().any(|l| l.trim_end_matches('\r') == line);
    let mut printed = String::new();
    for (name, body) in report.all("") {
        assert!(has(format!("@begin {name}")) && has(format!("@end {name}")));
        printed += &format!("@begin {name}\n{body}@end {name}\n");
    }
    assert_eq!(Report::parse(&printed), report);

    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let part = Report::parse(&lines[..lines.len() / 2].concat());
    let mut rest = report.all("");
    assert!(part
        .all("")
        .all(|section| rest.any(|other| other == section)));
}
