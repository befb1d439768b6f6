// SPDX-License-Identifier: GPL-2.0

//! The kernel, with and without the patches, built once and cached.
//!
//! A tree's name is a hash of everything that goes into it, so any change makes a new tree. The file `complete`
//! is written last: make resumes an interrupted build.

use crate::{
    command::{run, run_with_progress},
    flavour::Flavour,
    image::Bootable,
    source::Source,
    workspace::Workspace,
};
use anyhow::{ensure, Context, Result};
use sha2::{Digest, Sha256};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Targets of a kernel that does not boot: the files that modules need, and KVM, which has the patches.
const PARTS: [&str; 3] = ["prepare", "modules_prepare", "arch/x86/kvm/"];

/// A built kernel tree.
pub struct Kernel {
    /// Source and objects; `KDIR` for a module build.
    pub dir: PathBuf,
}

impl Kernel {
    /// Returns the bootable image.
    pub fn image(&self) -> PathBuf {
        self.dir.join("arch/x86/boot/bzImage")
    }

    /// Returns the directory whose `lib/modules` has the kernel's own modules.
    pub fn modules(&self) -> PathBuf {
        self.dir.join("exitstat-modules")
    }

    /// Returns the release, as `uname -r` prints it.
    fn release(&self) -> Result<String> {
        let file = self.dir.join("include/config/kernel.release");
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        Ok(text.trim().to_owned())
    }

    /// Returns the files with which L1 boots it.
    pub fn bootable(&self) -> Result<Bootable> {
        Ok(Bootable {
            image: self.image(),
            modules: self.modules(),
            release: self.release()?,
        })
    }

    fn complete(&self) -> PathBuf {
        self.dir.join("exitstat-complete")
    }

    fn is_complete(&self) -> bool {
        self.complete().exists()
    }

    /// Returns the name of its tree in the cache.
    fn name(&self) -> String {
        let name = self.dir.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Makes the targets. Without targets, makes everything and installs the modules.
    fn build(&self, workspace: &Workspace, targets: &[&str], what: &str, steps: u64) -> Result<()> {
        let jobs = std::thread::available_parallelism()?.get() + 1;
        run_with_progress(
            &format!("building {what}"),
            steps,
            workspace
                .make(&self.dir)
                .arg(format!("-j{jobs}"))
                .args(targets),
            &self.dir.join("exitstat-build.log"),
        )?;
        if targets.is_empty() {
            let _ = fs::remove_dir_all(self.modules());
            run(workspace
                .make(&self.dir)
                .arg(format!("INSTALL_MOD_PATH={}", self.modules().display()))
                .arg("modules_install"))?;
        }
        fs::write(self.complete(), "")?;
        Ok(())
    }
}

/// Returns the minutes that building both kernels of a flavour takes on 2 cores: 0 if they are cached.
pub fn minutes(workspace: &Workspace, flavour: Flavour) -> Result<u64> {
    let (_, base, _) = find_unpatched(workspace, flavour)?;
    let patched = find_with(workspace, &base, &patches(workspace)?)?;
    Ok(if patched.is_complete() {
        0
    } else {
        flavour.minutes()
    })
}

/// Returns the path of the unpatched kernel, whether or not it is built, with its source and configuration.
fn find_unpatched(workspace: &Workspace, flavour: Flavour) -> Result<(Source, Kernel, String)> {
    let source = {
        let _lock = workspace.lock_cache("apt")?;
        Source::get(workspace)?
    };
    let config = fragments(workspace, flavour)?;
    let key = key(&[
        source.version.as_bytes(),
        config.as_bytes(),
        workspace.tool_versions()?.as_bytes(),
    ]);
    let name = format!("linux-{}{}-{key}", source.version, flavour.suffix());
    let dir = workspace.cached(&name)?;
    Ok((source, Kernel { dir }, config))
}

/// Returns the path of the kernel with these patches, whether or not it is built. Its name has their hash.
fn find_with(workspace: &Workspace, base: &Kernel, patches: &[PathBuf]) -> Result<Kernel> {
    let mut contents = Vec::new();
    for patch in patches {
        contents.extend(fs::read(patch).with_context(|| patch.display().to_string())?);
    }
    let dir = workspace.cached(&format!("{}-{}", base.name(), key(&[&contents])))?;
    Ok(Kernel { dir })
}

/// Builds the unpatched kernel of Debian's source.
pub fn unpatched(workspace: &Workspace, flavour: Flavour) -> Result<Kernel> {
    let (source, kernel, config) = find_unpatched(workspace, flavour)?;
    let name = kernel.name();
    let _lock = workspace.lock_cache(&name)?;
    if kernel.is_complete() {
        return Ok(kernel);
    }

    // Unpacked under another name and renamed, so an existing tree is complete.
    if !kernel.dir.exists() {
        let partial = workspace.cached(&format!("unpacking-{name}"))?;
        let _ = fs::remove_dir_all(&partial);
        source.unpack(&partial)?;
        fs::rename(&partial, &kernel.dir)?;
    }
    configure(workspace, &kernel, &config)?;
    if flavour.boots() {
        let (about, steps) = flavour.progress();
        kernel.build(
            workspace,
            &[],
            &format!(
                "Linux {}{about} ({} minutes on 2 cores)",
                source.version,
                flavour.minutes()
            ),
            steps,
        )?;
    } else {
        // No build here: it is patched first.
        fs::write(kernel.complete(), "")?;
    }
    Ok(kernel)
}

/// Builds the kernel with the patches.
pub fn patched(workspace: &Workspace, flavour: Flavour) -> Result<Kernel> {
    let base = unpatched(workspace, flavour)?;
    with(workspace, flavour, &base, &patches(workspace)?, |tree| {
        run(Command::new(workspace.path("scripts/apply-patches.sh")).arg(tree))
    })
}

/// Builds the plain kernel with a patch that the patches are compared with.
pub fn compared(workspace: &Workspace, patch: &str) -> Result<Kernel> {
    let base = unpatched(workspace, Flavour::Plain)?;
    let patch = workspace.path(patch);
    with(
        workspace,
        Flavour::Plain,
        &base,
        std::slice::from_ref(&patch),
        |tree| {
            let mut command = Command::new("patch");
            command.args(["-p1", "--fuzz=0", "--forward", "-d"]);
            run(command.arg(tree).arg("-i").arg(&patch))
        },
    )
}

fn with(
    workspace: &Workspace,
    flavour: Flavour,
    base: &Kernel,
    patches: &[PathBuf],
    apply: impl FnOnce(&Path) -> Result<String>,
) -> Result<Kernel> {
    let kernel = find_with(workspace, base, patches)?;
    let name = kernel.name();
    let _lock = workspace.lock_cache(&name)?;
    if kernel.is_complete() {
        return Ok(kernel);
    }

    if !kernel.dir.exists() {
        eprintln!("==> patching");
        let partial = workspace.cached(&format!("patching-{name}"))?;
        let _ = fs::remove_dir_all(&partial);
        run(Command::new("cp")
            .args(["-a", "--reflink=auto"])
            .arg(&base.dir)
            .arg(&partial))?;
        let _ = fs::remove_file(partial.join("exitstat-complete"));
        apply(&partial)?;
        fs::rename(&partial, &kernel.dir)?;
    }
    if flavour.boots() {
        kernel.build(workspace, &[], "the patched kvm (1 minute)", 160)?;
    } else {
        let (about, steps) = flavour.progress();
        let what = format!("the patched kvm{about} ({} minutes)", flavour.minutes());
        kernel.build(workspace, &PARTS, &what, steps)?;
    }
    Ok(kernel)
}

/// Returns the patches, in the order of their series file.
fn patches(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let dir = workspace.path("patches");
    let series = fs::read_to_string(dir.join("series")).context("patches: no series file")?;
    Ok(series
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| dir.join(line))
        .collect())
}

/// Returns the concatenated fragments of a configuration.
fn fragments(workspace: &Workspace, flavour: Flavour) -> Result<String> {
    let mut text = String::new();
    for fragment in flavour.fragments() {
        let path = workspace.path("tests/lab/kernel").join(fragment);
        text += &fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    }
    Ok(text)
}

/// Configures the kernel and checks that each option of the fragments took effect.
fn configure(workspace: &Workspace, kernel: &Kernel, wanted: &str) -> Result<()> {
    run(workspace.make(&kernel.dir).arg("allnoconfig"))?;
    let dot_config = kernel.dir.join(".config");
    let config = fs::read_to_string(&dot_config)?;
    fs::write(&dot_config, format!("{config}\n{wanted}"))?;
    run(workspace.make(&kernel.dir).arg("olddefconfig"))?;
    let config = fs::read_to_string(&dot_config)?;
    let lost = lost(wanted, &config);
    ensure!(
        lost.is_empty(),
        "the kernel's configuration did not take these options of tests/lab/kernel: {}",
        lost.join(" ")
    );
    Ok(())
}

/// Returns the options of the fragments that a configuration lacks. If several fragments set an option, the
/// last one counts.
fn lost<'a>(wanted: &'a str, config: &str) -> Vec<&'a str> {
    wanted
        .lines()
        .filter(|line| line.starts_with("CONFIG_") || line.ends_with("is not set"))
        // Of several settings of an option, only the last one counts.
        .filter(|option| {
            let name = option_name(option);
            wanted.lines().rfind(|line| option_name(line) == name) == Some(option)
        })
        .filter(|option| !config.lines().any(|line| line == *option))
        // An option whose dependencies are not met is unset, and missing from the file.
        .filter(|option| {
            let name = option_name(option);
            !option.ends_with("is not set") || config.lines().any(|line| option_name(line) == name)
        })
        .collect()
}

/// Returns `CONFIG_X` for `CONFIG_X=y` or `# CONFIG_X is not set`.
fn option_name(line: &str) -> Option<&str> {
    let rest = line.trim_start_matches("# ");
    let end = rest.find(['=', ' '])?;
    rest[..end].starts_with("CONFIG_").then(|| &rest[..end])
}

/// Returns a short hash of contents.
pub fn key(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let [a, b, c, d, e, f, ..]: [u8; 32] = hash.finalize().into();
    format!("{:012x}", u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_that_did_not_stick_is_lost() {
        let config = "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_D=m\n";
        let wanted =
            "# A comment.\nCONFIG_A=y\n# CONFIG_B is not set\n# CONFIG_C is not set\nCONFIG_D=m\n";
        assert_eq!(lost(wanted, config), [""; 0]);
        let wanted = "# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_C=y\nCONFIG_D=y\n";
        assert_eq!(lost(wanted, config), wanted.lines().collect::<Vec<_>>());
    }

    #[test]
    fn the_last_fragment_counts() {
        let wanted = "CONFIG_A=y\n# CONFIG_A is not set\nCONFIG_B=y\n";
        assert_eq!(lost(wanted, "CONFIG_B=y\n"), [""; 0]);
        assert_eq!(
            lost(wanted, "CONFIG_A=y\nCONFIG_B=y\n"),
            ["# CONFIG_A is not set"]
        );
    }
}
