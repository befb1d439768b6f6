// SPDX-License-Identifier: GPL-2.0

//! KVM's own selftests on three kinds of kvm. Tests that end the same way twice on the first must end that way
//! on all.

use super::check::Check;
use crate::{report::Report, selftests::names};
use std::{collections::BTreeMap, fmt};

/// Passes in order, as in tests/lab/selftests/l1.sh. The first two are the same.
const PASSES: [&str; 4] = ["unpatched", "unpatched again", "patched", "observed"];

/// Minimum share of the tests run that must be stable and pass: fewer would prove little.
const LEAST_PASSED: f64 = 0.5;

/// The end of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Pass,
    Skip,
    Fail(u8),
    Timeout,
}

impl End {
    /// Converts the exit status of `timeout -s KILL` or of the test.
    fn of(status: u8) -> Self {
        match status {
            0 => Self::Pass,
            4 => Self::Skip,
            137 => Self::Timeout,
            other => Self::Fail(other),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass => f.pad("pass"),
            Self::Skip => f.pad("skip"),
            Self::Fail(status) => f.pad(&format!("fail {status}")),
            Self::Timeout => f.pad("timeout"),
        }
    }
}

/// Conclusion from a test's ends in the four passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The same in all passes.
    Alike(End),
    /// Inconclusive: not even the same on the same kvm.
    Unstable,
    /// The patches or the module changed the result.
    Differs,
}

impl Verdict {
    fn of([a, again, patched, observed]: [End; 4]) -> Self {
        if a != again {
            Self::Unstable
        } else if a == patched && a == observed {
            Self::Alike(a)
        } else {
            Self::Differs
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alike(_) => "alike",
            Self::Unstable => "unstable, not compared",
            Self::Differs => "DIFFERS",
        })
    }
}

/// Returns the checks of the four passes.
pub fn checks(report: &Report) -> Vec<Check> {
    vec![Check::new("all kinds of kvm do alike", || {
        let list = report.get("list").ok_or("L1 gave no list")?;
        let mut passes = Vec::new();
        for name in PASSES {
            let text = report
                .get(&format!("pass {name}"))
                .ok_or_else(|| format!("there was no pass {name:?}"))?;
            passes.push(parse(text)?);
        }
        compare(list, &passes)
    })]
}

/// Parses lines of a name and a status.
fn parse(text: &str) -> Result<BTreeMap<String, End>, String> {
    text.lines()
        .map(|line| {
            let (name, status) = line.split_once(' ').ok_or(line)?;
            let status = status.parse().map_err(|e| format!("{line:?}: {e}"))?;
            Ok((name.to_owned(), End::of(status)))
        })
        .collect()
}

/// Compares the passes for the tests of the list. The result has the table, the error the differences.
fn compare(list: &str, passes: &[BTreeMap<String, End>]) -> Result<String, String> {
    let mut rows = Vec::new();
    for name in names(list) {
        let mut ends = passes.iter().map(|pass| pass.get(name).copied());
        let mut end = || ends.next().flatten();
        let (Some(a), Some(b), Some(c), Some(d)) = (end(), end(), end(), end()) else {
            return Err(format!("{name} did not run in all passes"));
        };
        let ends = [a, b, c, d];
        rows.push((name, ends, Verdict::of(ends)));
    }
    let count = |what: &dyn Fn(Verdict) -> bool| rows.iter().filter(|row| what(row.2)).count();
    let passed = count(&|v| v == Verdict::Alike(End::Pass));
    let skipped = count(&|v| v == Verdict::Alike(End::Skip));
    let alike = count(&|v| matches!(v, Verdict::Alike(_)));
    let unstable = count(&|v| v == Verdict::Unstable);
    let differ = count(&|v| v == Verdict::Differs);

    let mut text = format!(
        "{} tests: alike {alike} ({passed} pass, {skipped} skip, {} fail), unstable {unstable}, \
         differ {differ}\n",
        rows.len(),
        alike - passed - skipped
    );
    let width = names(list).map(str::len).max().unwrap_or_default();
    text += &format!(
        "    {:width$}  {:9} {:9} {:9} {:9} verdict",
        "test", "unpatched", "again", "patched", "observed"
    );
    for (name, [a, again, patched, observed], verdict) in &rows {
        text += &format!("\n    {name:width$}  {a:9} {again:9} {patched:9} {observed:9} {verdict}");
    }
    if differ > 0 {
        Err(text)
    } else if (passed as f64) < LEAST_PASSED * rows.len() as f64 || passed == 0 {
        Err(format!("too few pass to say anything: {text}"))
    } else {
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(texts: [&str; 4]) -> Vec<BTreeMap<String, End>> {
        texts.map(|text| parse(text).expect("lines")).into()
    }

    #[test]
    fn what_ends_alike_in_all_passes_is_right() {
        let same = "a 0\nb 4\n";
        let seen = compare("a\nb # why\n", &passes([same; 4])).expect("alike");
        assert!(seen.starts_with("2 tests: alike 2 (1 pass, 1 skip, 0 fail), unstable 0, differ 0"));
    }

    #[test]
    fn a_test_that_differs_is_found_in_either_pass() {
        let (good, bad) = ("a 0\nb 0\n", "a 0\nb 254\n");
        for texts in [
            [good, good, bad, good],
            [good, good, good, bad],
            [bad, bad, good, bad],
        ] {
            let table = compare("a\nb\n", &passes(texts)).expect_err("differs");
            assert!(table.contains("differ 1") && table.contains("DIFFERS"));
        }
    }

    #[test]
    fn another_way_to_fail_is_a_difference() {
        let (one, other) = ("a 0\nb 254\n", "a 0\nb 137\n");
        assert!(compare("a\nb\n", &passes([one, one, one, other])).is_err());
    }

    #[test]
    fn an_unstable_test_is_not_compared() {
        let (good, bad) = ("a 0\nb 0\n", "a 0\nb 254\n");
        let seen = compare("a\nb\n", &passes([good, bad, bad, good])).expect("not compared");
        assert!(seen.contains("unstable 1"));
    }

    #[test]
    fn a_test_that_did_not_run_is_found() {
        let (all, cut) = ("a 0\nb 0\n", "a 0\n");
        assert!(compare("a\nb\n", &passes([all, all, all, cut])).is_err());
        assert!(compare("a\nb\n", &passes([all, all, all, all])[..3]).is_err());
    }

    #[test]
    fn too_few_that_pass_prove_nothing() {
        assert!(compare("", &passes([""; 4])).is_err());
        assert!(compare("a\nb\nc\n", &passes(["a 0\nb 4\nc 4\n"; 4])).is_err());
    }

    #[test]
    fn a_line_that_is_no_result_is_refused() {
        assert!(parse("a\n").is_err());
        assert!(parse("a zero\n").is_err());
    }
}
