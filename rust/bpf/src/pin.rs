// SPDX-License-Identifier: GPL-2.0

//! Counters that outlive the process that created them, pinned in the BPF file system.

use crate::{
    about::About,
    counter::{Counter, MAPS},
    error::Error,
    layout::Shared,
    memory::Mapped,
    names::Names,
};
use libbpf_rs::{MapCore, MapFlags, MapHandle};
use rustix::fs::{access, statfs, Access, Mode};
use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process,
};

const BPFFS: &str = "/sys/fs/bpf";
const BPF_FS_MAGIC: i64 = 0xcafe_4a11;

fn directory() -> PathBuf {
    Path::new(BPFFS).join("exitstat")
}

fn failed(what: &'static str) -> impl Fn(io::Error) -> Error {
    move |error| Error::Pin { what, error }
}

impl Counter {
    /// Makes the kernel continue to count after this process ends, until [`unpin`].
    ///
    /// # Errors
    ///
    /// Fails if counters are already pinned, or if the BPF file system is not mounted.
    pub fn pin(&mut self) -> Result<(), Error> {
        let mounted = statfs(BPFFS).is_ok_and(|fs| fs.f_type == BPF_FS_MAGIC);
        if !mounted {
            return Err(Error::NoBpffs);
        }
        // The rename at the end makes it all visible at once. The file system does not allow dots.
        let new = Path::new(BPFFS).join(format!("exitstat-{}", process::id()));
        // Left by a killed process that had the same ID.
        let _ = fs::remove_dir_all(&new);
        rustix::fs::mkdir(&new, Mode::RWXU)
            .map_err(|errno| failed("make a directory in")(errno.into()))?;
        let pinned = self.pin_in(&new).and_then(|()| {
            if directory().exists() {
                return Err(Error::Pinned);
            }
            fs::rename(&new, directory()).map_err(failed("rename a directory in"))
        });
        match pinned {
            Ok(()) => {
                // The kernel alone keeps it from now on, so that anybody's `unpin` ends it.
                self.links.clear();
                self.object = None;
                self.pin = pin();
                Ok(())
            }
            Err(error) => {
                let _ = fs::remove_dir_all(&new);
                Err(error)
            }
        }
    }

    /// Returns whether the counters have been unpinned, or replaced by others.
    #[must_use]
    pub fn is_unpinned(&self) -> bool {
        self.pin.is_some() && self.pin != pin()
    }

    fn pin_in(&mut self, directory: &Path) -> Result<(), Error> {
        let failed = |error: libbpf_rs::Error| failed("pin in")(io::Error::other(error));
        for (number, link) in self.links.iter_mut().enumerate() {
            link.pin(directory.join(format!("link{number}")))
                .map_err(failed)?;
        }
        let object = self.object.as_mut().ok_or(Error::Pinned)?;
        for name in MAPS {
            let map = object.maps_mut().find(|map| map.name() == name);
            let mut map = map.expect("it is in the object");
            map.pin(path(directory, name)).map_err(failed)?;
        }
        Ok(())
    }

    /// Returns the pinned counters, if there are any that this process may see.
    ///
    /// # Errors
    ///
    /// Fails if they cannot be read.
    pub fn pinned() -> Result<Option<Self>, Error> {
        let directory = directory();
        // On most hosts only root can see pinned counters; a process with CAP_BPF counts for
        // itself. Counters that another user may have created are not trusted.
        let ours = fs::metadata(&directory).is_ok_and(|of| {
            let euid = rustix::process::geteuid().as_raw();
            [0, euid].contains(&of.uid()) && of.mode() & 0o022 == 0
        });
        if !ours || access(&directory, Access::EXEC_OK).is_err() {
            return Ok(None);
        }
        let about = map(".data.about")?.lookup(&0_u32.to_ne_bytes(), MapFlags::ANY);
        let about = about.ok().flatten();
        let about = about.and_then(|bytes| About::parse(&bytes));
        let about = about.ok_or(Error::PinnedByAnother)?;
        Ok(Some(Self {
            host: mapped(".data.host", 1)?,
            cpus: mapped(".data.cpus", about.cpus)?,
            vcpus: mapped(".data.vcpus", about.rows)?,
            about,
            names: Names::default(),
            buffer: Vec::new(),
            pin: pin(),
            links: Vec::new(),
            object: None,
        }))
    }
}

fn map(name: &str) -> Result<MapHandle, Error> {
    MapHandle::from_pinned_path(path(&directory(), name)).map_err(|error| match error.kind() {
        libbpf_rs::ErrorKind::PermissionDenied => Error::NoPermission,
        _ => failed("read what is pinned in")(io::Error::other(error)),
    })
}

fn mapped<T: Shared>(name: &str, elements: u32) -> Result<Mapped<T>, Error> {
    Mapped::of(&map(name)?, elements)?.ok_or(Error::PinnedByAnother)
}

/// Returns the identity of what is pinned, which differs each time.
fn pin() -> Option<u64> {
    let about = fs::metadata(path(&directory(), ".data.about"));
    Some(about.ok()?.ino())
}

/// Returns the path of a pinned map, whose name there must not contain a dot.
fn path(directory: &Path, name: &str) -> PathBuf {
    directory.join(name.trim_start_matches(".data."))
}

/// Ends pinned counting. Returns false if nothing was pinned.
///
/// # Errors
///
/// Fails if the pinned counters cannot be removed.
pub fn unpin() -> Result<bool, Error> {
    // Left by a process that was killed while it pinned.
    for entry in fs::read_dir(BPFFS).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name
            .to_str()
            .and_then(|name| name.strip_prefix("exitstat-"));
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    match fs::remove_dir_all(directory()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(Error::NoPermission),
        Err(error) => Err(failed("remove what is pinned in")(error)),
    }
}
