// SPDX-License-Identifier: GPL-2.0

//! A Debian guest: its kernel, initial RAM disk and disk, built once and cached.

use crate::{command::run, kernel::key, source, workspace::Workspace};
use anyhow::Result;
use std::{fs, path::PathBuf, process::Command};

/// Script that builds the guest from Debian's packages.
const SCRIPT: &str = "tests/report/debian-guest.sh";

/// Program with which L1 unpacks the guest's disk.
pub const TOOL: &str = "/usr/bin/zstd";

/// Returns the files for L1, each with its destination.
pub fn files(workspace: &Workspace) -> Result<Vec<(PathBuf, String)>> {
    let dir = build(workspace)?;
    let files = ["kernel", "initrd", "disk.zst"].into_iter();
    Ok(files
        .map(|name| (dir.join(name), format!("lab/debian/{name}")))
        .collect())
}

/// Builds the guest unless it is cached, and returns its directory. A cached guest keeps the packages it was
/// built from: remove it to get newer ones.
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
