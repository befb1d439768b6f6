// SPDX-License-Identifier: GPL-2.0

//! The module, built against the patched kernel, and programs that go into L1.

use crate::{
    command::run,
    flavour::Flavour,
    kernel::{self, Kernel},
    workspace::Workspace,
};
use anyhow::{ensure, Result};
use std::{fs, path::PathBuf, process::Command};

// With a target named, build scripts and macros are not built statically, which they cannot be.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Builds `kvm_exitstat.ko` and returns where it is, and the kernel it is for. A warning is an
/// error.
pub fn build(workspace: &Workspace, flavour: Flavour, clippy: bool) -> Result<(Kernel, PathBuf)> {
    let kernel = kernel::patched(workspace, flavour)?;
    let what = if clippy { "clippy" } else { "module" };
    let name = format!("{what}{}", flavour.suffix());
    let _lock = workspace.lock_checkout(&name)?;
    let out = workspace.path("build").join(name);
    let mut build = Command::new(workspace.path("scripts/build-module.sh"));
    build.arg(&kernel.dir).arg(&out);
    if clippy {
        // Clippy runs where rustc does: what is built already is not looked at again.
        let _ = fs::remove_file(out.join("src/exitstat_main.o"));
        build.arg("CLIPPY=1");
    }
    let output = build.output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(
        output.status.success() && !said.contains("warning"),
        "the module does not build without warnings:\n{}{said}",
        String::from_utf8_lossy(&output.stdout),
    );
    Ok((kernel, out.join("src/kvm_exitstat.ko")))
}

/// Builds a program of the workspace so that it runs anywhere, and returns where it is.
pub fn build_static(workspace: &Workspace, package: &str, program: &str) -> Result<PathBuf> {
    run(workspace
        .cargo()
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .args([
            "build",
            "--quiet",
            "--release",
            "--target",
            TARGET,
            "--package",
            package,
        ]))?;
    Ok(workspace.path(&format!("target/{TARGET}/release/{program}")))
}
