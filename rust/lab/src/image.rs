// SPDX-License-Identifier: GPL-2.0

//! Root file systems of L1 and L2: in memory, packed as cpio archives.

use crate::{command::run, workspace::Workspace};
use anyhow::{ensure, Context, Result};
use std::{
    fs,
    os::unix::fs::{symlink, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
};

/// A script for L2.
#[derive(Clone)]
pub struct Guest {
    /// Its name for `l2 -s`.
    pub name: String,
    pub text: String,
}

impl Guest {
    /// Reads scripts from files and names them after the files.
    pub fn read_scripts(files: &[PathBuf]) -> Result<Vec<Self>> {
        files
            .iter()
            .map(|file| {
                let name = file
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
                Ok(Self { name, text })
            })
            .collect()
    }
}

/// Makes `usr/bin` the only directory of programs, because QEMU looks for its firmware relative to its own
/// path. The links are relative: a file copied through one must stay under `root` instead of reaching
/// `/usr/bin` of this machine.
fn link_program_directories(root: &Path) -> Result<()> {
    for (link, target) in [("bin", "usr/bin"), ("sbin", "usr/bin"), ("usr/sbin", "bin")] {
        symlink(target, root.join(link))?;
    }
    Ok(())
}

/// A root file system under construction.
pub struct Root {
    dir: PathBuf,
}

impl Root {
    /// Creates a root file system with busybox and the usual directories.
    pub fn with_busybox(dir: PathBuf) -> Result<Self> {
        for sub in ["usr/bin", "proc", "sys", "dev", "tmp", "etc", "lab"] {
            fs::create_dir_all(dir.join(sub))?;
        }
        link_program_directories(&dir)?;
        let root = Self { dir };
        root.copy("/bin/busybox", "usr/bin/busybox")?;
        for applet in run(Command::new("/bin/busybox").arg("--list"))?.lines() {
            if applet != "busybox" {
                symlink("busybox", root.dir.join("usr/bin").join(applet))?;
            }
        }
        Ok(root)
    }

    /// Creates an empty root file system, to be unpacked over another.
    pub fn empty(dir: PathBuf) -> Result<Self> {
        fs::create_dir_all(&dir)?;
        Ok(Self { dir })
    }

    fn place(&self, to: &str) -> Result<PathBuf> {
        let to = self.dir.join(to);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        let _ = fs::remove_file(&to);
        Ok(to)
    }

    /// Copies a file of this machine.
    pub fn copy(&self, from: impl AsRef<Path>, to: &str) -> Result<()> {
        let from = from.as_ref();
        fs::copy(from, self.place(to)?).with_context(|| from.display().to_string())?;
        Ok(())
    }

    /// Writes a file.
    pub fn write(&self, to: &str, text: &str) -> Result<()> {
        fs::write(self.place(to)?, text)?;
        Ok(())
    }

    /// Writes a program.
    pub fn write_program(&self, to: &str, text: &str) -> Result<()> {
        self.write(to, text)?;
        fs::set_permissions(self.dir.join(to), fs::Permissions::from_mode(0o755))?;
        Ok(())
    }

    /// Copies a program of this machine with its shared libraries.
    pub fn copy_program(&self, from: &str, to: &str) -> Result<()> {
        self.copy(from, to)?;
        for word in run(Command::new("ldd").arg(from))?.split_whitespace() {
            if word.starts_with('/') && !self.dir.join(&word[1..]).exists() {
                self.copy(fs::canonicalize(word)?, &word[1..])?;
            }
        }
        Ok(())
    }

    /// Copies a directory tree.
    pub fn copy_tree(&self, from: &Path, to: &str) -> Result<()> {
        run(Command::new("cp")
            .args(["-a", "-T"])
            .arg(from)
            .arg(self.place(to)?))?;
        Ok(())
    }

    /// Appends the tree to `archive` as a cpio archive for the kernel to unpack.
    pub fn pack(&self, archive: &Path) -> Result<()> {
        let script = "cd \"$1\" && find . | LC_ALL=C sort | \
                      cpio --quiet -o -H newc -R 0:0 >> \"$2\"";
        run(Command::new("sh")
            .args(["-c", script, "pack"])
            .arg(&self.dir)
            .arg(archive))?;
        Ok(())
    }
}

/// A kernel that L1 can boot.
pub struct Bootable {
    pub image: PathBuf,
    /// Root directory of its modules, which are in `lib/modules` below.
    pub modules: PathBuf,
    /// Release, as `uname -r` prints it.
    pub release: String,
}

/// Installs the kernel's modules and exitstat's under `root`, as on a real host.
pub fn install_modules<'a>(
    kernel: &Bootable,
    modules: impl IntoIterator<Item = &'a PathBuf>,
    root: &Path,
) -> Result<()> {
    let _ = fs::remove_dir_all(root);
    fs::create_dir_all(root)?;
    let root = Root::empty(root.to_owned())?;
    let release = &kernel.release;
    root.copy_tree(&kernel.modules.join("lib"), "lib")?;
    for link in ["build", "source"] {
        let _ = fs::remove_file(root.dir.join("lib/modules").join(release).join(link));
    }
    for module in modules {
        let name = module.file_name().unwrap_or_default().to_string_lossy();
        root.copy(module, &format!("lib/modules/{release}/updates/{name}"))?;
    }
    run(Command::new("/sbin/depmod")
        .arg("-b")
        .arg(&root.dir)
        .arg(release))?;
    Ok(())
}

/// Image that L1 boots. All paths are in `dir`, the run's own directory.
pub struct L1Image<'a> {
    pub workspace: &'a Workspace,
    pub kernel: &'a Bootable,
    /// Directory that contains `lib/modules`.
    pub modules: &'a Path,
    pub script: &'a str,
    pub guests: &'a [Guest],
    /// Lines of `/lab/env`, which scripts get as variables.
    pub env: &'a str,
    pub full_qemu: bool,
    /// Programs of the workspace: name and file.
    pub programs: &'a [(&'static str, PathBuf)],
    /// The same, for guests.
    pub guest_programs: &'a [(&'static str, PathBuf)],
    /// More files, each with its destination.
    pub files: &'a [(PathBuf, String)],
    /// More programs of this machine.
    pub tools: &'a [&'static str],
    /// Modules of other kernels. L1 gets their kvm modules in `/lab/NAME`.
    pub kvms: &'a [(&'static str, PathBuf)],
    /// Kernel of the guests.
    pub guest_kernel: &'a Path,
}

impl L1Image<'_> {
    /// Packs the image and returns the archive.
    pub fn pack(&self, dir: &Path) -> Result<PathBuf> {
        let lab = self.workspace.path("tests/lab");
        let root = Root::with_busybox(dir.join("l1"))?;
        // The real modprobe, insmod and so on, and a shell that finds them on its path: busybox's shell prefers
        // its own applets.
        root.copy_program("/bin/kmod", "usr/bin/kmod")?;
        for tool in ["modprobe", "insmod", "rmmod", "lsmod", "modinfo"] {
            symlink("kmod", root.place(&format!("usr/bin/{tool}"))?)?;
        }
        root.copy_program("/bin/dash", "usr/bin/dash")?;
        symlink("dash", root.place("usr/bin/sh")?)?;
        root.copy_tree(&self.modules.join("lib/modules"), "lib/modules")?;
        let kvm = format!("lib/modules/{}/kernel/arch/x86/kvm", self.kernel.release);
        for (name, modules) in self.kvms {
            root.copy_tree(&modules.join(&kvm), &format!("lab/{name}"))?;
        }
        root.copy(
            self.workspace.path("scripts/modprobe.d/kvm_exitstat.conf"),
            "etc/modprobe.d/kvm_exitstat.conf",
        )?;

        root.copy_program(
            "/usr/bin/qemu-system-x86_64-microvm",
            "usr/bin/qemu-system-x86_64-microvm",
        )?;
        let mut firmware = vec!["seabios/bios-microvm.bin", "qemu/linuxboot_dma.bin"];
        if self.full_qemu {
            root.copy_program("/usr/bin/qemu-system-x86_64", "usr/bin/qemu-system-x86_64")?;
            firmware.extend(["seabios/bios-256k.bin", "qemu/kvmvapic.bin"]);
        }
        for file in firmware {
            let name = Path::new(file)
                .file_name()
                .unwrap_or_default()
                .to_string_lossy();
            root.copy(
                Path::new("/usr/share").join(file),
                &format!("usr/share/qemu/{name}"),
            )?;
        }

        root.copy(lab.join("l1-lib.sh"), "lab/lib.sh")?;
        root.copy(lab.join("counts.sh"), "lab/counts.sh")?;
        root.copy(lab.join("bpf-lib.sh"), "lab/bpf-lib.sh")?;
        root.copy(lab.join("detail-lib.sh"), "lab/detail-lib.sh")?;
        root.write("lab/env", self.env)?;
        root.write("lab/l1.sh", self.script)?;
        root.write_program("init", &fs::read_to_string(lab.join("l1-init"))?)?;
        for (name, file) in self.programs {
            root.copy(file, &format!("usr/bin/{name}"))?;
        }
        for (file, to) in self.files {
            root.copy(file, to)?;
        }
        for tool in self.tools {
            root.copy_program(tool, tool.trim_start_matches('/'))?;
        }

        root.copy(self.guest_kernel, "lab/l2.kernel")?;
        let guest = pack_guest(self.workspace, dir, self.guests, self.guest_programs)?;
        root.copy(&guest, "lab/l2.initrd")?;
        if !self.guests.is_empty() {
            root.write("lab/l2-default", "")?;
        }

        let archive = dir.join("l1.img");
        root.pack(&archive)?;
        Ok(archive)
    }
}

/// Packs the guests' image with these scripts and programs in `dir`.
pub fn pack_guest(
    workspace: &Workspace,
    dir: &Path,
    guests: &[Guest],
    programs: &[(&'static str, PathBuf)],
) -> Result<PathBuf> {
    let root = Root::with_busybox(dir.join("l2"))?;
    root.copy_program("/usr/bin/cpuid", "usr/bin/cpuid")?;
    for (name, file) in programs {
        root.copy(file, &format!("usr/bin/{name}"))?;
    }
    let init = workspace.path("tests/lab/l2-init");
    root.write_program("init", &fs::read_to_string(init)?)?;
    for guest in guests {
        ensure!(
            guest
                .name
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || b"._-".contains(&c)),
            "the name of an L2 script goes onto a kernel's command line: {:?}",
            guest.name
        );
        root.write(&format!("lab/{}", guest.name), &guest.text)?;
    }
    let archive = dir.join("l2.img");
    root.pack(&archive)?;
    Ok(archive)
}

/// Directory beside L1's image that is packed into its CD-ROM, with whatever it already contains.
pub const CD: &str = "cd";

/// Makes a CD-ROM that boots `kernel` with `initrd`.
pub fn make_iso(kernel: &Path, initrd: &Path, append: &str, dir: &Path) -> Result<()> {
    let cd = Root::empty(dir.join(CD))?;
    cd.copy("/usr/lib/ISOLINUX/isolinux.bin", "isolinux/isolinux.bin")?;
    cd.copy(
        "/usr/lib/syslinux/modules/bios/ldlinux.c32",
        "isolinux/ldlinux.c32",
    )?;
    cd.write(
        "isolinux/isolinux.cfg",
        &format!(
            "default l1\nprompt 0\nlabel l1\n kernel /kernel\n append initrd=/initrd {append}\n"
        ),
    )?;
    cd.copy(kernel, "kernel")?;
    fs::hard_link(initrd, cd.place("initrd")?)?;
    run(Command::new("xorriso")
        .args(["-as", "mkisofs", "-quiet", "-r", "-o"])
        .arg(dir.join("l1.iso"))
        .args(["-b", "isolinux/isolinux.bin", "-c", "isolinux/boot.cat"])
        .args(["-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"])
        .arg(&cd.dir))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_go_to_usr_bin_of_the_image_by_any_name() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::empty(dir.path().join("root")).unwrap();
        fs::create_dir_all(root.dir.join("usr/bin")).unwrap();
        link_program_directories(&root.dir).unwrap();
        let usr_bin = fs::canonicalize(root.dir.join("usr/bin")).unwrap();
        // Only resolves paths: writing a file through a wrong link would write it on this machine.
        for directory in ["bin", "sbin", "usr/sbin"] {
            let real = fs::canonicalize(root.dir.join(directory)).unwrap();
            assert_eq!(real, usr_bin, "{directory}");
        }
    }
}
