// SPDX-License-Identifier: GPL-2.0

//! Environments that run L1: an emulator with VMX or SVM, or KVM with nested virtualization.

use crate::{image, workspace::Workspace};
use anyhow::{ensure, Result};
use clap::ValueEnum;
use std::{
    fs,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
};

/// What runs L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum L0 {
    /// Debian's Bochs, which emulates VMX; its TSC counts instructions
    Bochs,
    /// QEMU with KVM, on a host with VMX and nested KVM
    Kvm,
    /// QEMU's emulator, which has no VMX
    Tcg,
    /// QEMU's emulator of an AMD processor, with SVM; one CPU only
    // With two CPUs an `int3` occasionally kills L1, with Debian's kvm too.
    Svm,
}

/// QEMU's model of an AMD processor. With the features removed here, a guest's kernel would fail in
/// `fpstate_reset()`.
const AMD: &str = "EPYC,-xsave,-avx,-avx2,-f16c,-fma";

/// Maximum memory that Bochs emulates, in MiB.
const BOCHS_MEMORY: u32 = 2048;

/// A machine for L1.
pub struct Machine<'a> {
    pub cpus: u32,
    /// Memory in MiB.
    pub memory: u32,
    pub kernel: &'a Path,
    pub initrd: &'a Path,
    /// A disk, writes to which are discarded afterwards. With a disk, the machine has a CD-ROM drive too, with
    /// any L0.
    pub disk: Option<&'a Path>,
    pub append: &'a str,
    /// Speed of the emulated clock, in instructions per second of all CPUs together.
    pub instructions_per_second: u32,
}

impl L0 {
    /// Returns KVM if the machine has VMX and nested KVM, otherwise Bochs. A working `/dev/kvm` is not enough:
    /// some machines have one without VMX.
    pub fn choose() -> Self {
        let has = |file: &str, word: &str| {
            fs::read_to_string(file).is_ok_and(|text| text.split_whitespace().any(|w| w == word))
        };
        let nested = has("/sys/module/kvm_intel/parameters/nested", "Y")
            || has("/sys/module/kvm_intel/parameters/nested", "1");
        if has("/proc/cpuinfo", "vmx") && nested && can_create_vm() {
            Self::Kvm
        } else {
            Self::Bochs
        }
    }

    /// Checks that L1 can have `memory` MiB.
    pub fn check_memory(self, memory: u32) -> Result<()> {
        if self == Self::Bochs {
            ensure!(
                memory <= BOCHS_MEMORY,
                "Bochs cannot give L1 {memory} MiB of memory: the maximum is {BOCHS_MEMORY} MiB (--memory \
                 {BOCHS_MEMORY})"
            );
        }
        Ok(())
    }

    /// Returns the command that runs L1. In `dir`, L1's console goes to the file `console`, its report (its
    /// writes to port 0xE9) to `report`, and L0's own messages to `l0.log`. Bochs writes the report to its
    /// standard output, after some messages of its own.
    pub fn command(
        self,
        workspace: &Workspace,
        machine: &Machine<'_>,
        dir: &Path,
    ) -> Result<Command> {
        let mut command = match self {
            Self::Bochs => bochs(workspace, machine, dir)?,
            Self::Kvm => qemu(machine, dir, &["-accel", "kvm", "-cpu", "host"])?,
            Self::Tcg => qemu(machine, dir, &["-accel", "tcg", "-cpu", "max"])?,
            Self::Svm => qemu(machine, dir, &["-accel", "tcg", "-cpu", AMD])?,
        };
        let log = fs::File::create(dir.join("l0.log"))?;
        let out = match self {
            Self::Bochs => fs::File::create(dir.join("report"))?,
            Self::Kvm | Self::Tcg | Self::Svm => log.try_clone()?,
        };
        command
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(log);
        // SAFETY: prctl is async-signal-safe. It makes L1 die with the lab, even if the lab is killed.
        unsafe {
            command.pre_exec(|| {
                rustix::process::set_parent_process_death_signal(Some(
                    rustix::process::Signal::KILL,
                ))?;
                Ok(())
            });
        }
        Ok(command)
    }
}

fn can_create_vm() -> bool {
    // QEMU fails immediately if KVM cannot create a VM.
    Command::new("qemu-system-x86_64")
        .args([
            "-accel", "kvm", "-M", "none", "-display", "none", "-monitor", "stdio",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn qemu(machine: &Machine<'_>, dir: &Path, accelerator: &[&str]) -> Result<Command> {
    let mut qemu = Command::new("qemu-system-x86_64");
    qemu.args(accelerator)
        .args([
            "-M",
            "q35",
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-no-reboot",
        ])
        .args([
            "-m",
            &machine.memory.to_string(),
            "-smp",
            &machine.cpus.to_string(),
        ])
        // For debugging a machine that hangs, with `info registers`.
        .arg("-monitor")
        .arg(format!(
            "unix:{},server=on,wait=off",
            dir.join("monitor").display()
        ))
        .arg("-serial")
        .arg(format!("file:{}", dir.join("console").display()))
        .args(["-device", "isa-debugcon,iobase=0xe9,chardev=report"])
        .arg("-chardev")
        .arg(format!(
            "file,id=report,path={}",
            dir.join("report").display()
        ))
        .arg("-kernel")
        .arg(machine.kernel)
        .arg("-initrd")
        .arg(machine.initrd)
        .args(["-append", machine.append]);
    if let Some(disk) = machine.disk {
        image::make_iso(machine.kernel, machine.initrd, machine.append, dir)?;
        let disk = disk.display();
        qemu.arg("-drive")
            .arg(format!(
                "file={disk},format=raw,if=none,id=disk,snapshot=on"
            ))
            .args(["-device", "ide-hd,drive=disk", "-cdrom"])
            .arg(dir.join("l1.iso"));
    }
    Ok(qemu)
}

fn bochs(workspace: &Workspace, machine: &Machine<'_>, dir: &Path) -> Result<Command> {
    image::make_iso(machine.kernel, machine.initrd, machine.append, dir)?;
    let disk = machine.disk.map_or_else(String::new, |disk| {
        let (disk, dir) = (disk.display(), dir.display());
        format!("ata0-slave: type=disk, mode=volatile, path={disk}, journal={dir}/journal")
    });
    // All CPUs share the clock's speed, so it does not depend on their number.
    let config = fs::read_to_string(workspace.path("tests/lab/bochsrc"))?
        .replace("${MEMORY}", &machine.memory.to_string())
        .replace("${CPUS}", &machine.cpus.to_string())
        .replace(
            "${IPS}",
            &(machine.instructions_per_second / machine.cpus).to_string(),
        )
        .replace("${DISK}", &disk)
        .replace("${DIR}", &dir.display().to_string());
    fs::write(dir.join("bochsrc"), config)?;
    // Debian 12's Bochs stops at its debugger's prompt; this command continues.
    fs::write(dir.join("continue"), "c\n")?;
    let mut bochs = Command::new("bochs");
    if machine.cpus > 1 && has_debugger_option() {
        bochs.arg("-debugger");
    }
    bochs.args(["-q", "-f", "bochsrc", "-rc", "continue"]);
    Ok(bochs)
}

/// Returns whether Bochs runs without its debugger by default. Without it, Bochs 3.0 runs several CPUs in a
/// loop in which nested guests jump to address 0. A single CPU has its own loop, which is correct and twice as
/// fast as the debugger's.
fn has_debugger_option() -> bool {
    Command::new("bochs")
        .arg("-help")
        .stdin(Stdio::null())
        .output()
        .is_ok_and(|output| String::from_utf8_lossy(&output.stderr).contains("-debugger"))
}

#[cfg(test)]
mod tests {
    use super::L0;

    #[test]
    fn bochs_has_at_most_2048_mib() {
        L0::Bochs.check_memory(2048).unwrap();
        let error = L0::Bochs.check_memory(2049).unwrap_err().to_string();
        assert!(error.contains("2049 MiB"), "{error}");
        assert!(error.contains("maximum is 2048 MiB"), "{error}");
    }

    #[test]
    fn qemu_has_what_the_machine_has() {
        for l0 in [L0::Kvm, L0::Tcg, L0::Svm] {
            l0.check_memory(8192).unwrap();
        }
    }
}
