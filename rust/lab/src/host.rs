// SPDX-License-Identifier: GPL-2.0

//! L1 as a Debian host: systemd on a disk, a packaged kernel, libvirt, and exitstat's packages for
//! installation.

use crate::{
    command::run,
    flavour::Flavour,
    image::{self, Root},
    kernel::{self, key},
    module, source,
    stock::{Built, Stock},
    workspace::Workspace,
};
use anyhow::{ensure, Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A scenario of a Debian host.
#[derive(Clone, Copy, Debug)]
pub struct Host {
    /// Its kernel.
    pub stock: Stock,
    /// The script of `tests/host` that runs in it.
    pub script: &'static str,
}

/// Scripts of `tests/host` for every host.
const SCRIPTS: [&str; 3] = ["main.sh", "host-lib.sh", "console.exp"];

/// Kernel parameters of every host.
pub const APPEND: &str =
    "root=/dev/sda ro console=ttyS0,115200 quiet loglevel=3 panic=-1 oops=panic idle=halt \
     fsck.mode=skip systemd.show_status=0 TERM=dumb mitigations=off";

/// The files that a host boots from.
#[derive(Debug)]
pub struct Disks {
    /// The kernel.
    pub kernel: PathBuf,
    /// Its initrd.
    pub initrd: PathBuf,
    /// The disk with the root file system.
    pub root: PathBuf,
}

impl Host {
    /// Builds whatever is missing and packs the host's CD in `dir`, the run's own directory.
    pub fn prepare(self, workspace: &Workspace, dir: &Path) -> Result<Disks> {
        let packages = packages(workspace)?;
        let built = self.stock.build(workspace)?;
        let root = root(workspace, &built)?;
        self.pack(workspace, dir, &packages)?;
        let initrd = dir.join("initrd");
        fs::copy(root.join("initrd"), &initrd)?;
        Ok(Disks {
            kernel: root.join("kernel"),
            initrd,
            root: root.join("disk"),
        })
    }

    /// Puts the scripts, the packages and a guest onto the host's CD in `dir`.
    fn pack(self, workspace: &Workspace, dir: &Path, packages: &Path) -> Result<()> {
        let cd = Root::empty(dir.join(image::CD))?;
        let tests = workspace.path("tests/host");
        for script in SCRIPTS.into_iter().chain([self.script]) {
            cd.copy(tests.join(script), &format!("lab/{script}"))?;
        }
        cd.copy(workspace.path("tests/lab/l1-lib.sh"), "lab/lib.sh")?;
        cd.write("lab/env", &format!("SCRIPT={}\n", self.script))?;
        let bare = module::build_static(workspace, "exitstat-bare", "bare")?;
        cd.copy(bare, "lab/bin/bare")?;
        for package in fs::read_dir(packages)? {
            let package = package?.path();
            let name = package.file_name().unwrap_or_default().to_string_lossy();
            cd.copy(&package, &format!("debs/{name}"))?;
        }
        let exitstat = module::build_static(workspace, "exitstat", "exitstat")?;
        let console = image::Guest::read_scripts(&[tests.join("console.sh")])?;
        let guest = image::pack_guest(workspace, dir, &console, &[("exitstat", exitstat)])?;
        cd.copy(guest, "lab/l2.initrd")?;
        let kernel = kernel::patched(workspace, Flavour::Plain)?.image();
        cd.copy(kernel, "lab/l2.kernel")
    }
}

/// Builds exitstat's packages if anything in them has changed, and returns their directory.
fn packages(workspace: &Workspace) -> Result<PathBuf> {
    let _lock = workspace.lock_checkout("deb")?;
    let dir = workspace.path("build/deb");
    let status = Command::new(workspace.path("scripts/build-debs.sh"))
        .arg(&dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .context("scripts/build-debs.sh")?;
    ensure!(status.success(), "scripts/build-debs.sh failed");
    Ok(dir)
}

/// Builds the host's disk with its kernel and initrd, unless it is cached.
fn root(workspace: &Workspace, built: &Built) -> Result<PathBuf> {
    let script = workspace.path("tests/host/root.sh");
    let version = built.version()?;
    let key = key(&[&fs::read(&script)?, version.as_bytes()]);
    let name = format!("host-{}-{key}", built.release);
    workspace.made_once(&name, |partial| {
        eprintln!("==> making a Debian 13 host with libvirt (3 minutes)");
        run(Command::new("sh")
            .arg(script)
            .arg(source::mirror()?)
            .args([&built.release, &version])
            .arg(partial))?;
        Ok(())
    })
}
