// SPDX-License-Identifier: GPL-2.0

//! Debian's source package of the kernel.

use crate::{command::run, workspace::Workspace};
use anyhow::{Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The Linux series that the lab builds.
const SERIES: &str = "7.3";

/// The Debian suite that has it.
const SUITE: &str = "trixie-backports";

/// Keyring of the signatures on Debian's packages.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A source package in the cache.
pub struct Source {
    package: PathBuf,
    /// Debian's version, such as `7.3.4-1~bpo13+1`.
    pub version: String,
}

impl Source {
    /// Returns the package in the cache, or fetches Debian's newest. A separate apt configuration adds the
    /// suite, so the machine's own stays unchanged.
    pub fn get(workspace: &Workspace) -> Result<Self> {
        let dir = workspace.cached("apt")?;
        let name = format!("linux-source-{SERIES}");
        if let Some(found) = Self::find(&dir, &name)? {
            return Ok(found);
        }

        eprintln!("==> fetching {name} (170 MB) from Debian's {SUITE}");
        let mirror = mirror()?;
        for sub in ["lists/partial", "cache/archives/partial", "state"] {
            fs::create_dir_all(dir.join(sub))?;
        }
        fs::write(
            dir.join("sources.list"),
            format!("deb [signed-by={KEYRING}] {mirror} {SUITE} main\n"),
        )?;
        let d = dir.display();
        fs::write(
            dir.join("apt.conf"),
            format!(
                "Dir::Etc::SourceList \"{d}/sources.list\";\n\
                 Dir::Etc::SourceParts \"/dev/null\";\n\
                 Dir::State::Lists \"{d}/lists\";\n\
                 Dir::State \"{d}/state\";\n\
                 Dir::Cache \"{d}/cache\";\n\
                 APT::Sandbox::User \"\";\n"
            ),
        )?;
        let apt = |command: &str| {
            let mut apt = Command::new("apt-get");
            apt.env("APT_CONFIG", dir.join("apt.conf"))
                .args(["-q", command]);
            apt.current_dir(&dir);
            apt
        };
        run(&mut apt("update"))?;
        run(apt("download").arg(&name))?;
        Self::find(&dir, &name)?.context("apt-get download left no package")
    }

    fn find(dir: &Path, name: &str) -> Result<Option<Self>> {
        let Ok(entries) = fs::read_dir(dir) else {
            return Ok(None);
        };
        for entry in entries {
            let package = entry?.path();
            let file = package
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let version = file
                .strip_prefix(&format!("{name}_"))
                .and_then(|rest| rest.strip_suffix("_all.deb"));
            if let Some(version) = version {
                let version = version.replace("%3a", ":");
                return Ok(Some(Self { package, version }));
            }
        }
        Ok(None)
    }

    /// Unpacks the source to `to`, which must not exist.
    pub fn unpack(&self, to: &Path) -> Result<()> {
        eprintln!("==> unpacking Linux {}", self.version);
        fs::create_dir_all(to)?;
        let script = format!(
            "set -e; dpkg-deb --fsys-tarfile \"$1\" |\n\
             tar -xO ./usr/src/linux-source-{SERIES}.tar.xz |\n\
             tar -xJ --strip-components=1 -C \"$2\""
        );
        run(Command::new("bash")
            .args(["-o", "pipefail", "-c", &script, "unpack"])
            .arg(&self.package)
            .arg(to))?;
        Ok(())
    }
}

/// Returns the mirror that this machine's apt uses.
pub fn mirror() -> Result<String> {
    let (_, uri) = release()?;
    Ok(uri)
}

/// Returns the machine's Debian release, and the lines of a `sources.list` of it and its security updates, from
/// the machine's apt.
pub fn debian() -> Result<(String, String)> {
    let (release, _) = release()?;
    let security = format!("{release}-security");
    let lines: Vec<_> = main_of_debian()?
        .into_iter()
        .filter(|(name, _)| *name == release || *name == security)
        .map(|(name, uri)| format!("deb [signed-by={KEYRING}] {uri} {name} main\n"))
        .collect();
    Ok((release, lines.concat()))
}

/// Returns the machine's Debian release and its mirror.
fn release() -> Result<(String, String)> {
    main_of_debian()?
        .into_iter()
        .find(|(release, _)| ["bookworm", "trixie", "stable", "oldstable"].contains(&release.as_str()))
        .context("this machine's apt sources name no mirror of Debian 12 or 13 (release bookworm or trixie, component main)")
}

/// Returns the Debian releases whose component main the machine's apt has, with their mirrors.
fn main_of_debian() -> Result<Vec<(String, String)>> {
    let targets = run(Command::new("apt-get").args([
        "indextargets",
        "--format",
        "$(RELEASE) $(COMPONENT) $(REPO_URI)",
        "Created-By: Packages",
    ]))?;
    let mut found = Vec::new();
    for line in targets.lines() {
        let mut words = line.split_whitespace();
        if let (Some(release), Some("main"), Some(uri)) = (words.next(), words.next(), words.next())
        {
            found.push((release.to_owned(), uri.to_owned()));
        }
    }
    Ok(found)
}
