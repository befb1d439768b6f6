// SPDX-License-Identifier: GPL-2.0

//! A Debian guest: its kernel, its initial RAM disk and its disk, made once and cached.

use crate::{command::run, kernel::key, source, workspace::Workspace};
use anyhow::Result;
use std::{fs, path::PathBuf, process::Command};

/// What makes it of Debian's packages.
const SCRIPT: &str = "tests/report/debian.sh";

/// Its files, in this directory: `kernel`, `initrd`, and `disk.zst`, which is compressed.
pub struct Debian {
    pub dir: PathBuf,
}

impl Debian {
    /// Makes it, if it is not in the cache. It is of the packages that there are then: remove it to
    /// have newer ones.
    pub fn get(workspace: &Workspace) -> Result<Self> {
        let script = workspace.path(SCRIPT);
        let (suite, sources) = source::debian()?;
        let key = key(&[&fs::read(&script)?, sources.as_bytes()]);
        let name = format!("guest-{suite}-{key}");
        let dir = workspace.cached(&name)?;
        let _lock = workspace.lock_cache(&name)?;
        // Made elsewhere and renamed: one that is there is whole.
        if dir.exists() {
            return Ok(Self { dir });
        }
        eprintln!("==> making a Debian guest of {suite} (3 minutes)");
        let partial = workspace.cached(&format!("building-{name}"))?;
        let _ = fs::remove_dir_all(&partial);
        fs::create_dir_all(&partial)?;
        let list = partial.join("sources.list");
        fs::write(&list, sources)?;
        run(Command::new("sh")
            .arg(script)
            .arg(suite)
            .arg(list)
            .arg(&partial))?;
        fs::rename(&partial, &dir)?;
        Ok(Self { dir })
    }

    /// What L1 gets: its files, each with where it goes, and the programs to unpack them.
    pub fn for_l1(&self) -> (Vec<(PathBuf, String)>, Vec<String>) {
        let files = ["kernel", "initrd", "disk.zst"].into_iter();
        let files = files.map(|name| (self.dir.join(name), format!("lab/debian/{name}")));
        (files.collect(), vec!["/usr/bin/zstd".to_owned()])
    }
}
