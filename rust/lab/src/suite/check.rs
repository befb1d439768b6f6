// SPDX-License-Identifier: GPL-2.0

//! Checks and their results.

use crate::report::Report;

/// A check with its result.
pub struct Check {
    /// Description, approximately a sentence.
    pub name: String,
    /// The finding, if it is worth a line, or the failure.
    pub result: Result<String, String>,
}

impl Check {
    /// Makes a check.
    pub fn new(name: impl Into<String>, check: impl FnOnce() -> Result<String, String>) -> Self {
        Self {
            name: name.into(),
            result: check(),
        }
    }

    /// Returns a check that could not be made.
    pub fn failed(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            result: Err(why.into()),
        }
    }
}

/// Makes a check for each section `KIND NAME WHAT` in the report. `check` gets the name and a function that
/// returns the sections of that kind and name, or an empty text.
pub fn for_each<'a>(
    report: &'a Report,
    kind: &str,
    what: &str,
    check: impl Fn(&str, &dyn Fn(&str) -> &'a str) -> Check,
) -> Vec<Check> {
    let (prefix, suffix) = (format!("{kind} "), format!(" {what}"));
    let names = report.all(&prefix);
    let names = names.filter_map(|(name, _)| name.strip_suffix(&suffix));
    names
        .map(|name| {
            let section = |what: &str| -> &'a str {
                let section = report.get(&format!("{kind} {name} {what}"));
                section.unwrap_or_default()
            };
            check(name, &section)
        })
        .collect()
}

/// Returns the checks that the L1 script made with `check`. One line of a command's output is shown.
pub fn made_in_l1(report: &Report) -> Vec<Check> {
    report
        .all("check ")
        .map(|(name, text)| {
            Check::new(name, || match text.split_once('\n') {
                Some(("0", said)) if said.lines().count() == 1 => Ok(said.trim_end().to_owned()),
                Some(("0", _)) => Ok(String::new()),
                Some((status, said)) => Err(format!("status {status}: {}", said.trim_end())),
                None => Err("no status".to_owned()),
            })
        })
        .collect()
}
