// SPDX-License-Identifier: GPL-2.0

//! `/dev/kvm_exitstat`: the counters of the running module.

use super::recording::error::malformed;
use exitstat_core::snapshot::{Malformed, Request, IOCTL_SNAPSHOT, REQUEST_DETAILS};
use rustix::{
    fs::{open, Mode, OFlags},
    io::Errno,
    ioctl::{ioctl, Updater},
};
use std::{
    fs,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

/// Path of the module's device below the root.
const DEVICE: &str = "dev/kvm_exitstat";

/// Size of the first buffer in bytes, enough for a few VMs.
const FIRST: usize = 256 << 10;

/// Size limit in bytes, more than a snapshot of a thousand VMs with a hundred vCPUs each.
const MOST: usize = 1 << 30;

/// Error that prevents reading the counters. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The CPU has no VMX.
    #[error(
        "VMX is unavailable: /proc/cpuinfo has no `vmx` flag, so there are no VM exits to count.\n\
         On an Intel CPU, enable VMX in the firmware. In a virtual machine, enable nested \
         virtualization on its host (`modprobe kvm_intel nested=1` there, and `-cpu host`).\n\
         Inside a guest, `exitstat guest` reads its own exits; `--from FILE` reads a recording."
    )]
    NoVmx,
    /// The kernel is not patched.
    #[error(
        "the running kernel's kvm lacks the exit observer that the module needs.\n\
         On a Debian kernel with exitstat's packages, as root: `exitstat enable`.\n\
         On your own kernel: patch and rebuild kvm and kvm_intel (see README.md in exitstat's source), \
         then boot or load them."
    )]
    NoShim,
    /// The module is not loaded.
    #[error("the module is not loaded: /dev/kvm_exitstat does not exist.\nAs root: `exitstat enable` on a Debian kernel, `modprobe kvm_exitstat` on a kernel that you patched.\n\
             If that fails, see `dmesg | grep kvm_exitstat`.")]
    NotLoaded,
    /// The module is loaded but has no device.
    #[error("the module kvm_exitstat is loaded, but /dev/kvm_exitstat does not exist.\nEither the module is older than this command (install both from the same release), or /dev is not populated (`mount -t devtmpfs devtmpfs /dev`; in a container, pass the device through).")]
    NoDevice,
    /// The device may not be read.
    #[error("no permission to read /dev/kvm_exitstat, which shows all VMs of the host.\nRun exitstat as root (`sudo exitstat`), or give a group read access with a udev rule.")]
    NoPermission,
    /// The device may be read only without details.
    #[error("no permission to read details, which reveal guest activity: run exitstat as root or with the capability CAP_PERFMON.")]
    NoDetails,
    /// The device is not kvm_exitstat, or its module does not support snapshots.
    #[error("{} is not a kvm_exitstat device, or belongs to a release that this command does not support.\nInstall the module and the command from the same release.", .0.display())]
    NotOurs(PathBuf),
    /// The snapshot is malformed.
    #[error("the module's snapshot {}", malformed(.0))]
    Snapshot(Malformed),
    /// Anything else.
    #[error("cannot read {}: {errno}", path.display())]
    Other {
        /// The device.
        path: PathBuf,
        /// Why.
        errno: Errno,
    },
}

/// The device. It is open only during a snapshot; otherwise the module could not be unloaded while exitstat
/// runs.
#[derive(Debug)]
pub struct Device {
    root: PathBuf,
    buffer: Vec<u8>,
    /// Combination of `REQUEST_…`.
    flags: u64,
}

impl Device {
    /// Opens the device below `root`, which is `/` except in tests.
    ///
    /// # Errors
    ///
    /// The most likely reason why it cannot be opened.
    pub fn new(root: &Path) -> Result<Self, Error> {
        let device = Self {
            root: root.to_owned(),
            buffer: vec![0; FIRST],
            flags: 0,
        };
        device.open()?;
        Ok(device)
    }

    /// Requests details in all further snapshots.
    pub fn ask_for_details(&mut self) {
        self.flags |= REQUEST_DETAILS;
    }

    fn path(&self) -> PathBuf {
        self.root.join(DEVICE)
    }

    fn open(&self) -> Result<OwnedFd, Error> {
        let path = self.path();
        match open(&path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
            Ok(file) => Ok(file),
            Err(Errno::ACCESS | Errno::PERM) => Err(Error::NoPermission),
            Err(Errno::NOENT | Errno::NODEV | Errno::NXIO) => Err(missing(&self.root)),
            Err(errno) => Err(Error::Other { path, errno }),
        }
    }

    /// Takes a snapshot of one VM's vCPUs, or of all counters.
    ///
    /// # Errors
    ///
    /// The kernel returns an error.
    pub fn snapshot(&mut self, vm: Option<u64>) -> Result<&[u8], Error> {
        let file = self.open()?;
        loop {
            let mut request = Request {
                vm: vm.unwrap_or(0),
                buffer: self.buffer.as_mut_ptr() as u64,
                length: self.buffer.len() as u64,
                flags: self.flags,
            };
            // SAFETY: IOCTL_SNAPSHOT takes a `Request`, and writes only to the buffer of `length` bytes
            // whose address it contains. Nothing else accesses the buffer in the meantime. If the file is
            // not our device, no driver handles this ioctl, because drivers check for their own letter: the
            // kernel returns ENOTTY.
            let result = unsafe {
                ioctl(
                    &file,
                    Updater::<{ IOCTL_SNAPSHOT as _ }, Request>::new(&mut request),
                )
            };
            let length = usize::try_from(request.length).unwrap_or(usize::MAX);
            match result {
                Ok(()) => {
                    let damaged = Error::Snapshot(Malformed::Damaged);
                    return self.buffer.get(..length).ok_or(damaged);
                }
                Err(Errno::TOOBIG) if self.buffer.len() < MOST => {
                    // Add headroom, because VMs may get more vCPUs before the next attempt.
                    let room = length.saturating_add(length / 4);
                    let room = room.max(2 * self.buffer.len()).min(MOST);
                    self.buffer.resize(room, 0);
                }
                Err(Errno::INTR) => (),
                Err(Errno::NOTTY | Errno::INVAL) => return Err(Error::NotOurs(self.path())),
                Err(Errno::PERM) if self.flags & REQUEST_DETAILS != 0 => {
                    return Err(Error::NoDetails)
                }
                Err(Errno::ACCESS | Errno::PERM) => return Err(Error::NoPermission),
                Err(errno) => {
                    return Err(Error::Other {
                        path: self.path(),
                        errno,
                    })
                }
            }
        }
    }
}

impl Error {
    /// Returns whether the module is merely absent.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::NoVmx | Self::NoShim | Self::NotLoaded)
    }
}

/// Returns why the device is missing, the most fundamental cause first.
fn missing(root: &Path) -> Error {
    if root.join("sys/module/kvm_exitstat").exists() {
        return Error::NoDevice;
    }
    let cpuinfo = fs::read_to_string(root.join("proc/cpuinfo"));
    if cpuinfo.is_ok_and(|text| !has_vmx(&text)) {
        return Error::NoVmx;
    }
    // kvm's symbols exist only once it is loaded.
    let kvm = root.join("sys/module/kvm").exists();
    let symbols = fs::read_to_string(root.join("proc/kallsyms")).unwrap_or_default();
    if kvm && !symbols.is_empty() && !symbols.contains(" kvm_exit_observer_register") {
        return Error::NoShim;
    }
    Error::NotLoaded
}

fn has_vmx(cpuinfo: &str) -> bool {
    let mut flags = cpuinfo.lines().filter(|line| line.starts_with("flags"));
    flags.any(|line| line.split_whitespace().any(|flag| flag == "vmx"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// Creates a root with files, given by name and content; names that end in `/` are directories.
    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match name.ends_with('/') {
                true => fs::create_dir_all(path).unwrap(),
                false => fs::write(path, text).unwrap(),
            }
        }
        root
    }

    const VMX: (&str, &str) = ("proc/cpuinfo", "flags\t\t: fpu vmx smx\nvmx flags\t: ept\n");
    const SHIM: (&str, &str) = ("proc/kallsyms", "0 T kvm_exit_observer_register\t[kvm]\n");
    const NO_SHIM: (&str, &str) = ("proc/kallsyms", "0 T kvm_init\t[kvm]\n");
    const KVM: (&str, &str) = ("sys/module/kvm/", "");

    #[test]
    fn what_is_missing_is_told() {
        let error = |files: &[(&str, &str)]| Device::new(root(files).path()).unwrap_err();
        let amd = ("proc/cpuinfo", "flags\t: fpu svm\nvmx flags\t: vmx\n");
        assert!(matches!(error(&[amd, KVM, SHIM]), Error::NoVmx));
        assert!(matches!(error(&[VMX, KVM, NO_SHIM]), Error::NoShim));
        assert!(matches!(error(&[VMX, KVM, SHIM]), Error::NotLoaded));
        assert!(matches!(error(&[VMX, NO_SHIM]), Error::NotLoaded));
        assert!(matches!(error(&[VMX]), Error::NotLoaded));
        let loaded = ("sys/module/kvm_exitstat/", "");
        assert!(matches!(error(&[VMX, KVM, SHIM, loaded]), Error::NoDevice));
    }

    #[test]
    fn another_device_is_not_taken_for_ours() {
        let root = root(&[("dev/", "")]);
        symlink("/dev/null", root.path().join(DEVICE)).unwrap();
        let error = Device::new(root.path())
            .unwrap()
            .snapshot(None)
            .unwrap_err();
        assert!(matches!(error, Error::NotOurs(_)), "{error}");
    }
}
