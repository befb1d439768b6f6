// SPDX-License-Identifier: GPL-2.0

//! Estimates from Criterion's files.

use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// The median time of an iteration in nanoseconds, and its confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Median {
    /// The estimate.
    pub ns: f64,
    /// Lower bound of the interval.
    pub lower: f64,
    /// Upper bound of the interval.
    pub upper: f64,
}

/// Estimates by group, function and parameter, such as `recording/exitstat/2`.
pub type Estimates = BTreeMap<String, Median>;

/// Reads all estimates below Criterion's directory.
pub fn read(root: &Path) -> io::Result<Estimates> {
    let mut estimates = Estimates::new();
    for directory in benchmarks(root, 3)? {
        let file = directory.join("new/estimates.json");
        let invalid = || io::Error::other(format!("{}: no estimates", file.display()));
        let median = median(&fs::read_to_string(&file)?).ok_or_else(invalid)?;
        let name = directory.strip_prefix(root).map_err(io::Error::other)?;
        estimates.insert(name.to_string_lossy().into_owned(), median);
    }
    Ok(estimates)
}

/// Returns the directories this many levels down that have results.
fn benchmarks(root: &Path, levels: u32) -> io::Result<Vec<PathBuf>> {
    if levels == 0 {
        let found = root.join("new/estimates.json").exists();
        return Ok(found.then(|| root.to_owned()).into_iter().collect());
    }
    let mut all = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            all.extend(benchmarks(&entry.path(), levels - 1)?);
        }
    }
    Ok(all)
}

fn median(json: &str) -> Option<Median> {
    let value: Value = serde_json::from_str(json).ok()?;
    let number = |pointer| value.pointer(pointer).and_then(Value::as_f64);
    Some(Median {
        ns: number("/median/point_estimate")?,
        lower: number("/median/confidence_interval/lower_bound")?,
        upper: number("/median/confidence_interval/upper_bound")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"mean":{"point_estimate":9.0},"median":{"confidence_interval":
        {"confidence_level":0.95,"lower_bound":4.5,"upper_bound":5.5},"point_estimate":5.0,
        "standard_error":0.1}}"#;

    #[test]
    fn the_median_is_taken() {
        let expected = Median {
            ns: 5.0,
            lower: 4.5,
            upper: 5.5,
        };
        assert_eq!(median(JSON), Some(expected));
        assert_eq!(median("{}"), None);
        assert_eq!(median("{"), None);
    }

    #[test]
    fn benchmarks_are_found_by_their_directories() {
        let root = tempfile::tempdir().unwrap();
        for name in ["recording/exitstat/2", "reading/write/1"] {
            let directory = root.path().join(name);
            fs::create_dir_all(directory.join("new")).unwrap();
            fs::create_dir_all(directory.join("base")).unwrap();
            fs::write(directory.join("new/estimates.json"), JSON).unwrap();
        }
        fs::create_dir_all(root.path().join("recording/exitstat/report")).unwrap();
        let estimates = read(root.path()).unwrap();
        let names: Vec<_> = estimates.keys().collect();
        assert_eq!(names, ["reading/write/1", "recording/exitstat/2"]);
        assert_eq!(estimates["reading/write/1"].ns, 5.0);
        fs::write(root.path().join("reading/write/1/new/estimates.json"), "").unwrap();
        assert!(read(root.path()).is_err());
    }
}
