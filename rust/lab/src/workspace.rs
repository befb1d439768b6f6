// SPDX-License-Identifier: GPL-2.0

//! Paths of the checkout, the cache and the tools.

use anyhow::{bail, Context, Result};
use rustix::fs::{flock, FlockOperation};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// The checkout, with the tools and the cache that `scripts/toolchain.sh` chose for it.
pub struct Workspace {
    root: PathBuf,
    cache: PathBuf,
    rustc: PathBuf,
    bindgen: PathBuf,
    cargo: PathBuf,
    llvm: String,
}

impl Workspace {
    /// Returns the workspace of the checkout that this program was built from.
    pub fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = root.canonicalize().context("the checkout is gone")?;
        let output = Command::new("sh")
            .arg(root.join("scripts/toolchain.sh"))
            .output()
            .context("scripts/toolchain.sh")?;
        let output = String::from_utf8(output.stdout)?;
        let value = |name: &str| {
            let line = output
                .lines()
                .find_map(|l| l.strip_prefix(name)?.strip_prefix('='));
            match line {
                Some(value) if !value.is_empty() => Ok(value.to_owned()),
                _ => {
                    bail!("no usable {name}: run scripts/preflight.sh, which says what is missing")
                }
            }
        };
        Ok(Self {
            cache: value("EXITSTAT_CACHE")?.into(),
            rustc: value("RUSTC")?.into(),
            bindgen: value("BINDGEN")?.into(),
            cargo: value("CARGO")?.into(),
            llvm: value("LLVM")?,
            root,
        })
    }

    /// Returns the path of a file in the checkout.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Returns a path in the cache, whose parent directory exists.
    pub fn cached(&self, name: &str) -> Result<PathBuf> {
        fs::create_dir_all(&self.cache)
            .with_context(|| format!("cannot make the cache, {}", self.cache.display()))?;
        Ok(self.cache.join(name))
    }

    /// Waits until no other process builds `name` in the cache, and keeps others from doing so until the
    /// returned file is dropped.
    pub fn lock_cache(&self, name: &str) -> Result<File> {
        Self::lock(&self.cached(&format!("{name}.lock"))?, name)
    }

    /// Returns the directory `name` in the cache, filled by `make` if it does not exist. `make` fills another
    /// directory, which is then renamed, so an existing one is complete.
    pub fn made_once(&self, name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let dir = self.cached(name)?;
        let _lock = self.lock_cache(name)?;
        if !dir.exists() {
            let partial = self.cached(&format!("building-{name}"))?;
            let _ = fs::remove_dir_all(&partial);
            fs::create_dir_all(&partial)?;
            make(&partial)?;
            fs::rename(&partial, &dir)?;
        }
        Ok(dir)
    }

    /// Like [`Self::lock_cache`], for builds in the checkout.
    pub fn lock_checkout(&self, name: &str) -> Result<File> {
        let build = self.path("build");
        fs::create_dir_all(&build)?;
        Self::lock(&build.join(format!("{name}.lock")), name)
    }

    fn lock(path: &Path, name: &str) -> Result<File> {
        let file = File::create(path)?;
        // Silent at first: another process may only be checking that everything is built.
        for _ in 0..30 {
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
                return Ok(file);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        eprintln!("waiting for another process that builds {name}");
        flock(&file, FlockOperation::LockExclusive)?;
        Ok(file)
    }

    /// Returns `make` in a kernel tree, with the tools for all kernels and modules.
    pub fn make(&self, kernel: &Path) -> Command {
        let mut make = Command::new("make");
        make.arg("-C")
            .arg(kernel)
            .arg(format!("LLVM={}", self.llvm));
        for (name, tool) in [
            ("RUSTC", &self.rustc),
            ("HOSTRUSTC", &self.rustc),
            ("BINDGEN", &self.bindgen),
        ] {
            make.arg(format!("{name}={}", tool.display()));
        }
        // rustc's own formatter and linter are in the same directory.
        for (name, tool) in [("RUSTFMT", "rustfmt"), ("CLIPPY_DRIVER", "clippy-driver")] {
            make.arg(format!(
                "{name}={}",
                self.rustc.with_file_name(tool).display()
            ));
        }
        let libclang = format!("/usr/lib/llvm{}/lib", self.llvm);
        if Path::new(&libclang).exists() {
            make.env("LIBCLANG_PATH", libclang);
        }
        make.env("KBUILD_BUILD_TIMESTAMP", "1970-01-01")
            .env("KBUILD_BUILD_USER", "exitstat")
            .env("KBUILD_BUILD_HOST", "lab");
        make
    }

    /// Returns `cargo` in the workspace.
    pub fn cargo(&self) -> Command {
        let mut cargo = Command::new(&self.cargo);
        cargo.current_dir(&self.root);
        cargo
    }

    /// Returns the versions of the tools that a kernel depends on.
    pub fn tool_versions(&self) -> Result<String> {
        let mut versions = String::new();
        for tool in [
            self.rustc.clone(),
            self.bindgen.clone(),
            format!("clang{}", self.llvm).into(),
            format!("ld.lld{}", self.llvm).into(),
        ] {
            let output = Command::new(&tool)
                .arg("--version")
                .output()
                .with_context(|| tool.display().to_string())?;
            versions += &String::from_utf8_lossy(&output.stdout);
        }
        Ok(versions)
    }
}
