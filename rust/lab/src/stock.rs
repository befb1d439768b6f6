// SPDX-License-Identifier: GPL-2.0

//! Kernels as Debian packages them, with modules built for them by `scripts/stock.sh`.

use crate::{command::run, image::Bootable, kernel::key, workspace::Workspace};
use anyhow::{ensure, Context, Result};
use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

/// The newest kernel of a series in trixie-backports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stock {
    /// Such as `7.3`.
    pub series: &'static str,
    /// Such as `cloud-amd64`.
    pub flavour: &'static str,
    /// As Debian packages it, without exitstat.
    pub plain: bool,
}

/// Kernel series of the lab's Debian hosts.
pub const HOST: &str = "7.3";

/// Packaged modules for L1: KVM and its dependencies.
const PARTS: [&str; 3] = [
    "kernel/arch/x86/kvm",
    "kernel/drivers/crypto/ccp",
    "kernel/virt",
];

/// Modules that are installed in `updates`.
const OURS: [&str; 4] = ["kvm", "kvm-intel", "kvm-amd", "kvm_exitstat"];

/// A kernel with its modules and exitstat's.
pub struct Built {
    plain: bool,
    dir: PathBuf,
    /// Root directory whose `lib/modules` has the packaged modules for L1, uncompressed.
    unpacked: PathBuf,
    /// Release, as `uname -r` prints it.
    pub release: String,
}

impl Stock {
    /// Returns the flavour for all machines.
    pub const fn amd64(series: &'static str) -> Self {
        Self {
            series,
            flavour: "amd64",
            plain: false,
        }
    }

    /// Returns the same without exitstat, which is available for 6.1 and 6.12 too.
    pub const fn plain(series: &'static str) -> Self {
        Self {
            plain: true,
            ..Self::amd64(series)
        }
    }

    /// Returns the archive of a root that runs bcc's kvmexit on this kernel, which must have been built.
    pub fn bcc(self, workspace: &Workspace) -> Result<PathBuf> {
        let _lock = workspace.lock_cache("stock")?;
        let made = run(Command::new(workspace.path("scripts/stock.sh")).args([
            "--bcc",
            self.series,
            self.flavour,
        ]))?;
        Ok(PathBuf::from(made.trim()))
    }

    /// Fetches and builds whatever is missing.
    pub fn build(self, workspace: &Workspace) -> Result<Built> {
        let _lock = workspace.lock_cache("stock")?;
        // The script shows its own progress.
        let output = Command::new(workspace.path("scripts/stock.sh"))
            .args([self.series, self.flavour])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .context("scripts/stock.sh")?;
        ensure!(
            output.status.success(),
            "scripts/stock.sh {} {} failed",
            self.series,
            self.flavour
        );
        let dir = PathBuf::from(String::from_utf8(output.stdout)?.trim());
        let release = dir.file_name().unwrap_or_default();
        let release = release.to_string_lossy().into_owned();
        let unpacked = workspace.cached(&format!("stock-{release}"))?;
        let built = Built {
            plain: self.plain,
            dir,
            unpacked,
            release,
        };
        built.unpack()?;
        Ok(built)
    }
}

impl Built {
    /// Returns the directory of the packaged modules.
    fn package(&self) -> PathBuf {
        self.dir
            .join("packaged/usr/lib/modules")
            .join(&self.release)
    }

    /// Returns the version of the kernel's packages.
    pub fn version(&self) -> Result<String> {
        let text = fs::read_to_string(self.dir.join("version"))?;
        Ok(text.trim().to_owned())
    }

    /// Returns the files with which L1 boots it.
    pub fn bootable(&self) -> Bootable {
        Bootable {
            image: self.package().join("vmlinuz"),
            modules: self.unpacked.clone(),
            release: self.release.clone(),
        }
    }

    /// Returns the modules for `updates`: KVM with the shim, and exitstat's; none if the kernel is plain.
    pub fn modules(&self) -> Vec<PathBuf> {
        if self.plain {
            return Vec::new();
        }
        OURS.map(|name| self.dir.join(format!("{name}.ko"))).into()
    }

    /// Unpacks the packaged modules for L1, where scripts load them by file.
    fn unpack(&self) -> Result<()> {
        let complete = self.unpacked.join("complete");
        let from = self.package();
        let modules = self.unpacked.join("lib/modules").join(&self.release);
        let id = key(&[PARTS.join(" ").as_bytes(), self.version()?.as_bytes()]);
        if fs::read_to_string(&complete).is_ok_and(|have| have == id) {
            return Ok(());
        }
        let _ = fs::remove_dir_all(&self.unpacked);
        // Cloud kernels have fewer modules.
        for part in PARTS.into_iter().filter(|part| from.join(part).exists()) {
            let to = modules.join(part);
            fs::create_dir_all(to.parent().unwrap_or(&to))?;
            run(Command::new("cp").arg("-a").arg(from.join(part)).arg(&to))?;
        }
        // depmod expects these files. L1 does not need the list of built-in modules.
        for list in ["modules.builtin", "modules.order"] {
            fs::write(modules.join(list), "")?;
        }
        run(Command::new("find")
            .arg(&self.unpacked)
            .args(["-name", "*.xz", "-exec", "xz", "-d", "{}", "+"]))?;
        fs::write(complete, id)?;
        Ok(())
    }
}
