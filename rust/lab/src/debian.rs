// SPDX-License-Identifier: GPL-2.0

//! A Debian guest: its kernel, its initial RAM disk and its disk, made once and cached.

use crate::{command::run, kernel::key, source, workspace::Workspace};
use anyhow::Result;
use std::{fs, path::PathBuf, process::Command};

/// What makes it of Debian's packages.
const SCRIPT: &str = "tests/report/debian-guest.sh";

/// What L1 unpacks its disk with.
pub const TOOL: &str = "/usr/bin/zstd";

/// What L1 gets: pairs of a file and where it goes.
pub fn files(workspace: &Workspace) -> Result<Vec<(PathBuf, String)>> {
    let dir = build(workspace)?;
    let files = ["kernel", "initrd", "disk.zst"].into_iter();
    Ok(files
        .map(|name| (dir.join(name), format!("lab/debian/{name}")))
        .collect())
}

/// Makes it, if it is not in the cache, and returns the directory that it is in. It is of the packages
/// that there are then: remove it to have newer ones.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    let script = workspace.path(SCRIPT);
    let (suite, sources) = source::debian()?;
    let key = key(&[&fs::read(&script)?, sources.as_bytes()]);
    let name = format!("guest-{suite}-{key}");
    workspace.made_once(&name, |partial| {
        eprintln!("==> making a Debian guest of {suite} (3 minutes)");
        let list = partial.join("sources.list");
        fs::write(&list, sources)?;
        run(Command::new("sh")
            .arg(script)
            .arg(&suite)
            .arg(list)
            .arg(partial))?;
        Ok(())
    })
}
