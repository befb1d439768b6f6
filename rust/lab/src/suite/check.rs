// SPDX-License-Identifier: GPL-2.0

//! One thing that was checked, and what was seen.

use crate::report::Report;

/// A check that was made.
pub struct Check {
    /// What was checked, as a sentence or nearly.
    pub name: String,
    /// What was seen, if it is worth a line; or what is wrong.
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

    /// A check that could not even be made.
    pub fn failed(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            result: Err(why.into()),
        }
    }
}

/// A check for each time that the script reported a section `KIND NAME WHAT`: what `check` makes of the name, and of the
/// sections of that kind and name, which are empty if they are not there.
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

/// The checks that the L1 script made with `check`. What a command said in one line is shown.
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
