// SPDX-License-Identifier: GPL-2.0

//! Builds of the module and of programs for L1.

use crate::{
    command::run,
    flavour::Flavour,
    kernel::{self, Kernel},
    workspace::Workspace,
};
use anyhow::{ensure, Result};
use std::{fs, path::PathBuf, process::Command};

// With an explicit target, cargo does not link build scripts and macros statically, which would fail.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Built modules and their kernel.
pub struct Built {
    pub kernel: Kernel,
    /// `kvm_exitstat.ko`.
    pub module: PathBuf,
    /// The test modules.
    pub tests: Vec<PathBuf>,
}

/// Builds `kvm_exitstat.ko` and the test modules. Warnings are errors.
pub fn build(workspace: &Workspace, flavour: Flavour, clippy: bool) -> Result<Built> {
    let kernel = kernel::patched(workspace, flavour)?;
    let what = if clippy { "clippy" } else { "module" };
    let name = format!("{what}{}", flavour.suffix());
    let _lock = workspace.lock_checkout(&name)?;
    let out = workspace.path("build").join(name);
    let mut build = Command::new(workspace.path("scripts/build-module.sh"));
    build.arg(&kernel.dir).arg(&out).arg("EXITSTAT_TESTS=m");
    if !flavour.boots() {
        // The kernel is not linked, so there are no symbols to resolve.
        build.arg("KBUILD_MODPOST_WARN=1");
    }
    if clippy {
        // Clippy runs in place of rustc and skips up-to-date objects.
        for root in ["exitstat_main", "kunit_main"] {
            let _ = fs::remove_file(out.join(format!("src/{root}.o")));
        }
        build.arg("CLIPPY=1");
    }
    let output = build.output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // Without symbols to resolve, modpost reports all of them as missing, in a text with the word "warnings".
    // Those of compilers begin with "warning:".
    let warning = if flavour.boots() {
        "warning"
    } else {
        "warning:"
    };
    ensure!(
        output.status.success() && !said.contains(warning),
        "the module does not build without warnings:\n{}{said}",
        String::from_utf8_lossy(&output.stdout),
    );
    Ok(Built {
        kernel,
        module: out.join("src/kvm_exitstat.ko"),
        tests: [
            "src/kvm_exitstat_kunit.ko",
            "tests/modules/exitstat_slow_rcu.ko",
            "tests/modules/failed_entry.ko",
            "tests/modules/kvm_exitstat_second.ko",
            "tests/modules/kvm_exitstat_slow.ko",
        ]
        .map(|file| out.join(file))
        .into(),
    })
}

/// Builds a program of the workspace as a static executable and returns its path.
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
