// SPDX-License-Identifier: GPL-2.0

//! The kernel's own KVM selftests, built once from the source of the lab's kernels.

use crate::{
    command::{run, run_with_progress},
    kernel::key,
    source::Source,
    workspace::Workspace,
};
use anyhow::{Context, Result};
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

/// Overrides for the tests' own Makefile. Static, because L1 has few libraries.
const FLAGS: [&str; 3] = ["ARCH=x86", "CC=gcc", "LDFLAGS=-static -s"];

/// Lists of the tests that run and of those that do not.
const LIST: &str = "tests/lab/selftests/list";
const LEFT_OUT: &str = "tests/lab/selftests/left-out";

/// Returns the files for L1, each with its destination: the tests to run and their list.
pub fn files(workspace: &Workspace) -> Result<Vec<(PathBuf, String)>> {
    let dir = build(workspace)?;
    let list = workspace.path(LIST);
    let listed = fs::read_to_string(&list).context(LIST)?;
    let left_out = fs::read_to_string(workspace.path(LEFT_OUT)).context(LEFT_OUT)?;
    accounted_for(&listed, &left_out, &programs(&dir)?).map_err(anyhow::Error::msg)?;
    let mut files: Vec<_> = names(&listed)
        .map(|name| (dir.join(name), format!("lab/selftests/{name}")))
        .collect();
    files.push((list, "lab/selftests/list".to_owned()));
    Ok(files)
}

/// Builds the tests and returns the directory that contains only them.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    let source = {
        let _lock = workspace.lock_cache("apt")?;
        Source::get(workspace)?
    };
    let gcc = run(Command::new("gcc").arg("--version"))?;
    let key = key(&[
        source.version.as_bytes(),
        gcc.as_bytes(),
        FLAGS.concat().as_bytes(),
    ]);
    let name = format!("selftests-{}-{key}", source.version);
    let dir = workspace.cached(&name)?;
    let _lock = workspace.lock_cache(&name)?;
    // Built under another name and renamed, so an existing directory is complete.
    if dir.exists() {
        return Ok(dir);
    }

    let partial = workspace.cached(&format!("building-{name}"))?;
    let _ = fs::remove_dir_all(&partial);
    let tree = partial.join("tree");
    source.unpack(&tree)?;
    run(workspace.make(&tree).arg("headers"))?;
    let objects = partial.join("objects");
    fs::create_dir(&objects)?;
    let jobs = std::thread::available_parallelism()?.get() + 1;
    run_with_progress(
        "building KVM's selftests (1 minute on 2 cores)",
        265,
        Command::new("make")
            .arg("-C")
            .arg(tree.join("tools/testing/selftests/kvm"))
            .arg(format!("-j{jobs}"))
            .arg(format!("OUTPUT={}", objects.display()))
            .args(FLAGS),
        &partial.join("log"),
    )?;
    let installed = partial.join("installed");
    for program in programs(&objects)? {
        let to = installed.join(&program);
        fs::create_dir_all(to.parent().context("it is below a directory")?)?;
        fs::copy(objects.join(&program), to)?;
    }
    fs::rename(&installed, &dir)?;
    fs::remove_dir_all(&partial)?;
    Ok(dir)
}

/// Returns the paths of the programs below `dir`, relative to it.
fn programs(dir: &Path) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            found.extend(
                programs(&entry.path())?
                    .into_iter()
                    .map(|program| format!("{name}/{program}")),
            );
        } else if metadata.permissions().mode() & 0o100 != 0 {
            found.insert(name);
        }
    }
    Ok(found)
}

/// Returns the names of a list, which has one per line, with the reason after `#`.
pub fn names(list: &str) -> impl Iterator<Item = &str> {
    list.lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter(|name| !name.is_empty())
}

/// Checks that each test that was built is either run or left out for a reason, and that there are no others.
fn accounted_for(list: &str, left_out: &str, built: &BTreeSet<String>) -> Result<(), String> {
    let mut wrong = Vec::new();
    for line in left_out.lines().filter(|line| !line.starts_with('#')) {
        let reason = line.split_once('#').map(|(_, reason)| reason.trim());
        if !line.trim().is_empty() && reason.is_none_or(str::is_empty) {
            wrong.push(format!("left out without a reason: {line}"));
        }
    }
    let mut known = BTreeSet::new();
    for name in names(list).chain(names(left_out)) {
        if !known.insert(name) {
            wrong.push(format!("named twice: {name}"));
        }
        if !built.contains(name) {
            wrong.push(format!("there is no such test: {name}"));
        }
    }
    for name in built {
        if !known.contains(name.as_str()) {
            wrong.push(format!("neither run nor left out: {name}"));
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!("{LIST} and {LEFT_OUT}: {}", wrong.join("; ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(list: &str, left_out: &str) -> Result<(), String> {
        let built = ["a_test", "x86/b_test"].map(str::to_owned).into();
        accounted_for(list, left_out, &built)
    }

    #[test]
    fn each_test_is_run_or_left_out() {
        assert_eq!(check("# why\na_test\nx86/b_test\n", "# why not\n"), Ok(()));
        assert_eq!(check("a_test\n", "x86/b_test # needs SVM\n"), Ok(()));
    }

    #[test]
    fn a_test_that_is_in_neither_list_in_both_or_not_built_is_refused() {
        assert!(check("a_test\n", "").is_err());
        assert!(check("a_test\nx86/b_test\n", "a_test # slow\n").is_err());
        assert!(check("a_test\nx86/b_test\nc_test\n", "").is_err());
    }

    #[test]
    fn leaving_out_takes_a_reason() {
        assert!(check("a_test\n", "x86/b_test\n").is_err());
        assert!(check("a_test\n", "x86/b_test #\n").is_err());
    }
}
