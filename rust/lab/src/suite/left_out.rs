// SPDX-License-Identifier: GPL-2.0

//! Scenarios that the last run of a suite had no time for. They come first in the next run, so that none is
//! left out every time.

use super::scenarios::Scenario;
use anyhow::{Context, Result};
use std::{
    fs,
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

/// File with the names of the scenarios left out of the last run.
pub struct LeftOut(PathBuf);

impl LeftOut {
    pub fn in_file(path: PathBuf) -> Self {
        Self(path)
    }

    /// Moves scenarios that were left out to the front. Without a last run, the first scenario depends on the
    /// day.
    pub fn bring_to_front(&self, scenarios: &mut [Scenario]) -> Result<()> {
        if let Ok(names) = fs::read_to_string(&self.0) {
            // The sort is stable: long scenarios stay before short ones.
            scenarios.sort_by_key(|s| !names.lines().any(|name| name == s.name));
        } else if !scenarios.is_empty() {
            let day = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() / (24 * 3600);
            scenarios.rotate_left(day as usize % scenarios.len());
        }
        Ok(())
    }

    /// Records the scenarios left out of this run.
    pub fn remember(&self, names: &[&str]) -> Result<()> {
        fs::write(&self.0, names.join("\n"))
            .with_context(|| format!("cannot write {}", self.0.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{run::Run, suite::scenarios::none};

    fn named(name: &'static str) -> Scenario {
        Scenario {
            name,
            about: "",
            minutes: 1,
            run: Run::default(),
            checks: none,
        }
    }

    fn order(left_out: &LeftOut) -> Vec<&'static str> {
        let mut scenarios = ["a", "b", "c", "d"].map(named);
        left_out.bring_to_front(&mut scenarios).unwrap();
        scenarios.map(|s| s.name).to_vec()
    }

    #[test]
    fn what_was_left_out_comes_first_and_else_the_order_stays() {
        let directory = tempfile::tempdir().unwrap();
        let left_out = LeftOut::in_file(directory.path().join("left-out"));
        left_out.remember(&["d", "b", "gone"]).unwrap();
        assert_eq!(order(&left_out), ["b", "d", "a", "c"]);
        left_out.remember(&[]).unwrap();
        assert_eq!(order(&left_out), ["a", "b", "c", "d"]);
    }

    #[test]
    fn without_a_run_before_nothing_is_lost() {
        let directory = tempfile::tempdir().unwrap();
        let mut order = order(&LeftOut::in_file(directory.path().join("left-out")));
        order.sort_unstable();
        assert_eq!(order, ["a", "b", "c", "d"]);
    }
}
