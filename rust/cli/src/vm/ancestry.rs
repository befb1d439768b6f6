// SPDX-License-Identifier: GPL-2.0

//! Descendants of a process, found through `/proc/PID/stat`.

use super::stat;
use std::{fs, path::PathBuf};

/// Number of attempts to follow parents, which may end in the meantime.
const ATTEMPTS: u32 = 16;

/// Limit of the ancestry's depth. Reused process IDs could otherwise form a cycle.
const DEPTH: u32 = 1000;

/// A process and its descendants.
#[derive(Debug)]
pub struct Ancestry {
    proc: PathBuf,
    ancestor: u32,
}

/// Result of following a process's parents.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    ToAncestor,
    Elsewhere,
    /// A parent ended before its stat was read.
    Broken,
}

impl Ancestry {
    /// Follows parents in this `/proc` up to `ancestor`.
    #[must_use]
    pub fn new(proc: PathBuf, ancestor: u32) -> Self {
        Self { proc, ancestor }
    }

    /// Returns whether a process descends from the ancestor. A process that has ended does not.
    #[must_use]
    pub fn includes(&self, pid: u32) -> bool {
        // Children of an ended parent get a new parent, so the next attempt can succeed.
        let mut lines = (0..ATTEMPTS).map(|_| self.line(pid));
        lines.find(|line| *line != Line::Broken) == Some(Line::ToAncestor)
    }

    fn line(&self, pid: u32) -> Line {
        let mut at = pid;
        for _ in 0..DEPTH {
            match self.parent(at) {
                Some(parent) if parent == self.ancestor => return Line::ToAncestor,
                Some(0) => return Line::Elsewhere,
                Some(parent) => at = parent,
                None => return Line::Broken,
            }
        }
        Line::Elsewhere
    }

    fn parent(&self, pid: u32) -> Option<u32> {
        let stat = fs::read(self.proc.join(pid.to_string()).join("stat")).ok()?;
        stat::parent(&stat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a `/proc` for the test, with these processes and their parents.
    fn ancestry(parents: &[(u32, u32)]) -> (tempfile::TempDir, Ancestry) {
        let proc = tempfile::tempdir().unwrap();
        for (pid, parent) in parents {
            let directory = proc.path().join(pid.to_string());
            fs::create_dir(&directory).unwrap();
            fs::write(directory.join("stat"), format!("{pid} (a) S {parent} 0\n")).unwrap();
        }
        let ancestry = Ancestry::new(proc.path().to_owned(), 10);
        (proc, ancestry)
    }

    #[test]
    fn descendants_are_found_at_any_depth() {
        let (_proc, ancestry) = ancestry(&[
            (1, 0),
            (5, 1),
            (10, 5),
            (20, 10),
            (30, 20),
            (40, 5),
            (50, 77),
            (60, 61),
            (61, 60),
        ]);
        for (pid, includes) in [
            (20, true),
            (30, true),
            (1, false),
            (5, false),
            (10, false),
            (40, false),
            // An ended parent, an ended process, and a cycle.
            (50, false),
            (99, false),
            (60, false),
        ] {
            assert_eq!(ancestry.includes(pid), includes, "{pid}");
        }
    }
}
