// SPDX-License-Identifier: GPL-2.0

//! Results of the module's KUnit suites in KTAP. Each case is a check.

use super::check::Check;
use crate::report::Report;

/// The suites in `src/` with their minimum numbers of cases, which detect lost cases.
const SUITES: [(&str, usize); 7] = [
    ("exitstat_column", 4),
    ("exitstat_cpu", 8),
    ("exitstat_ffi", 2),
    ("exitstat_leaves", 9),
    ("exitstat_log", 1),
    ("exitstat_nospec", 3),
    ("exitstat_vcpu", 11),
];

/// Returns a check for each case and one for each suite.
pub fn checks(report: &Report) -> Vec<Check> {
    let mut checks = Vec::new();
    for (suite, least) in SUITES {
        match report.get(&format!("kunit {suite}")) {
            Some(ktap) => checks.extend(of_suite(suite, least, ktap)),
            None => checks.push(Check::failed(suite, "it did not run")),
        }
    }
    let known = |name: &str| SUITES.iter().any(|&(suite, _)| suite == name);
    for (suite, _) in report.all("kunit ").filter(|(name, _)| !known(name)) {
        checks.push(Check::failed(suite, "not in the lab's list of suites"));
    }
    checks
}

fn of_suite(suite: &str, least: usize, ktap: &str) -> Vec<Check> {
    let mut cases = Vec::new();
    let mut said = Vec::new();
    let (mut plan, mut whole) = (None::<usize>, None);
    for line in ktap.lines() {
        // Indented lines about a case precede its result.
        let indented = line.starts_with(' ');
        let text = line.trim();
        match result(text) {
            Some((passed, name)) if indented => {
                cases.push(Check::new(format!("{suite}: {name}"), || {
                    if passed {
                        Ok(String::new())
                    } else {
                        Err(said.join("\n"))
                    }
                }));
                said.clear();
            }
            Some((passed, name)) if name == suite => whole = Some(passed),
            Some(_) => {}
            None if indented && text.starts_with("1..") => plan = text[3..].parse().ok(),
            None => said.push(text),
        }
    }
    let count = cases.len();
    cases.push(Check::new(suite, || match (plan, whole) {
        (Some(plan), Some(true)) if plan == count && count >= least => Ok(format!("{count} cases")),
        _ => Err(format!(
            "{count} cases, of {plan:?} planned and at least {least} expected; passed: {whole:?}"
        )),
    }));
    cases
}

/// Parses a result: whether it passed, and its name. Skipped tests did not pass.
fn result(line: &str) -> Option<(bool, &str)> {
    let (ok, rest) = match line.strip_prefix("not ok ") {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix("ok ")?),
    };
    let (number, name) = rest.split_once(' ')?;
    number.parse::<u32>().ok()?;
    Some(match name.split_once(" # ") {
        Some((name, directive)) => (ok && !directive.starts_with("SKIP"), name),
        None => (ok, name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        "KTAP version 1\n1..1\n    KTAP version 1\n    # Subtest: suite\n    1..2\n    \
        # one.speed: normal\n    ok 1 one\n    # two.speed: normal\n    ok 2 two\n    \
        # speed: normal\n# suite: pass:2 fail:0 skip:0 total:2\nok 1 suite\n";

    fn verdicts(least: usize, ktap: &str) -> Vec<(String, bool)> {
        of_suite("suite", least, ktap)
            .into_iter()
            .map(|check| (check.name, check.result.is_ok()))
            .collect()
    }

    fn expect(ktap: &str, expected: &[(&str, bool)]) {
        let expected: Vec<_> = expected.iter().map(|&(n, ok)| (n.to_owned(), ok)).collect();
        assert_eq!(verdicts(2, ktap), expected, "{ktap}");
    }

    #[test]
    fn each_case_is_a_check_and_so_is_the_suite() {
        expect(
            GOOD,
            &[("suite: one", true), ("suite: two", true), ("suite", true)],
        );
    }

    #[test]
    fn a_case_that_failed_says_why() {
        let ktap = GOOD
            .replace(
                "    ok 2 two",
                "    # two: ASSERTION FAILED\n    not ok 2 two",
            )
            .replace("\nok 1 suite", "\nnot ok 1 suite");
        expect(
            &ktap,
            &[
                ("suite: one", true),
                ("suite: two", false),
                ("suite", false),
            ],
        );
        let why = of_suite("suite", 2, &ktap).swap_remove(1).result;
        assert!(why.is_err_and(|why| why.contains("ASSERTION FAILED")));
    }

    #[test]
    fn a_case_that_was_skipped_did_not_pass() {
        let ktap = GOOD.replace("ok 2 two", "ok 2 two # SKIP not today");
        assert!(verdicts(2, &ktap).contains(&("suite: two".to_owned(), false)));
    }

    #[test]
    fn a_suite_that_crashed_failed() {
        let ktap = GOOD.split_once("    # two").unwrap_or_default().0;
        expect(ktap, &[("suite: one", true), ("suite", false)]);
    }

    #[test]
    fn too_few_cases_or_none_are_a_failure() {
        assert!(verdicts(2, GOOD).iter().all(|(_, ok)| *ok));
        assert!(verdicts(3, GOOD).contains(&("suite".to_owned(), false)));
        expect("", &[("suite", false)]);
    }

    #[test]
    fn a_suite_that_is_missing_or_unknown_is_a_failure() {
        let report = Report::parse("@begin kunit other\n@end kunit other\n");
        let checks = checks(&report);
        assert_eq!(checks.len(), SUITES.len() + 1);
        assert!(checks.iter().all(|check| check.result.is_err()));
    }
}
