// SPDX-License-Identifier: GPL-2.0

//! The file of a recording that has not begun yet. What was in it stays until there is something to
//! put in its place.

use rustix::fs::{fchmod, fchown, Gid, Mode, Uid};
use std::{
    fs::{self, File, Metadata, OpenOptions},
    hash::{BuildHasher, RandomState},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// What a recording is to replace, as it is.
#[derive(Debug)]
pub enum Target {
    /// There is nothing of this name.
    None(PathBuf),
    /// A file.
    File(File, PathBuf),
    /// A device or a pipe: nothing is lost by writing it.
    Stream(File),
}

impl Target {
    /// Opens it, and changes nothing. A pipe waits for its reader.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn open(path: &Path) -> io::Result<Self> {
        match fs::metadata(path) {
            // If it is a link to nothing, there is nothing to be lost.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => {
                return Ok(Self::None(path.to_owned()))
            }
            _ => (),
        }
        // As if to create it: then the kernel refuses what others put into directories like /tmp.
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        let (file, path) = (options.open(path)?, path.to_owned());
        Ok(match file.metadata()?.is_file() {
            true => Self::File(file, path),
            false => Self::Stream(file),
        })
    }

    /// Writes the beginning of what replaces it, where that changes nothing of what is there: so it
    /// fails early if there is no room.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn begin(self, begin: &[u8]) -> io::Result<Replacement> {
        let (mut new, name) = match self {
            Self::None(name) => (Temporary::beside(&name, 0o666)?, name),
            Self::File(old, path) => match Temporary::in_place_of(&old, &path)? {
                Some(new) => new,
                None => return Ok(Replacement::Emptied(old)),
            },
            Self::Stream(mut file) => {
                file.write_all(begin)?;
                return Ok(Replacement::Stream(file));
            }
        };
        new.file.write_all(begin)?;
        Ok(Replacement::Renamed { new, name })
    }
}

/// A file that is to be replaced as a whole, or not at all.
#[derive(Debug)]
pub enum Replacement {
    /// A new file beside it takes its name at the end.
    Renamed {
        /// The new file.
        new: Temporary,
        /// The name that it takes.
        name: PathBuf,
    },
    /// A file that a new one cannot stand in for: it is emptied at the end, and written itself.
    Emptied(File),
    /// A device or a pipe.
    Stream(File),
}

impl Replacement {
    /// Replaces the file by one that begins with what was prepared, to be gone on with.
    ///
    /// # Errors
    ///
    /// It cannot be replaced. It is as it was, unless it had to be emptied.
    pub fn commit(self, begin: &[u8]) -> io::Result<File> {
        match self {
            Self::Renamed { new, name } => new.rename(&name),
            Self::Stream(file) => Ok(file),
            Self::Emptied(mut file) => {
                file.set_len(0)?;
                file.write_all(begin)?;
                Ok(file)
            }
        }
    }
}

/// The file's own name, if the path or a link that it is leads to it; `None` through /proc, where a
/// link such as /dev/stdout is to an open file, whose name does not matter.
fn behind_links(path: &Path, metadata: &Metadata) -> Option<PathBuf> {
    let mut name = path.to_owned();
    // As many as the kernel follows.
    for _ in 0..40 {
        let parent = match name.parent()? {
            parent if parent.as_os_str().is_empty() => Path::new("."),
            parent => parent,
        };
        let parent = fs::canonicalize(parent).ok()?;
        if parent.starts_with("/proc") {
            return None;
        }
        let place = parent.join(name.file_name()?);
        match fs::read_link(&place) {
            Ok(target) => name = parent.join(target),
            Err(_) => {
                // What was opened, should a link have been changed meanwhile.
                let found = fs::symlink_metadata(&place).ok()?;
                let same = (found.dev(), found.ino()) == (metadata.dev(), metadata.ino());
                return same.then_some(place);
            }
        }
    }
    None
}

/// A file that is removed, unless it is renamed.
#[derive(Debug)]
pub struct Temporary {
    path: PathBuf,
    file: File,
    renamed: bool,
}

impl Temporary {
    /// A new file in the same directory, as a file cannot be renamed to another file system.
    fn beside(path: &Path, mode: u32) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        // What has the name already, a link included, is another's.
        options.write(true).create_new(true).mode(mode);
        let mut tries = 0;
        loop {
            let number = RandomState::new().hash_one(tries);
            let path = path.with_file_name(format!(".exitstat-{number:016x}.rec"));
            match options.open(&path) {
                Ok(file) => {
                    return Ok(Self {
                        path,
                        file,
                        renamed: false,
                    })
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < 100 => {
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// A new file that can stand in for an old one, of its owner and mode, and the old one's name;
    /// `None` if there can be none.
    fn in_place_of(old: &File, path: &Path) -> io::Result<Option<(Self, PathBuf)>> {
        let metadata = old.metadata()?;
        let name = match behind_links(path, &metadata) {
            // Other names of the file are to see what is recorded.
            Some(name) if metadata.nlink() == 1 => name,
            _ => return Ok(None),
        };
        // Whoever may write the file need not be allowed to do this in its directory.
        let new = Self::beside(&name, 0o600).and_then(|new| {
            let made = new.file.metadata()?;
            if (made.uid(), made.gid()) != (metadata.uid(), metadata.gid()) {
                let (uid, gid) = (metadata.uid(), metadata.gid());
                fchown(
                    &new.file,
                    Some(Uid::from_raw(uid)),
                    Some(Gid::from_raw(gid)),
                )?;
            }
            let mode = Mode::from_bits_truncate(metadata.mode() & 0o777);
            fchmod(&new.file, mode)?;
            Ok(new)
        });
        Ok(new.ok().map(|new| (new, name)))
    }

    fn rename(mut self, name: &Path) -> io::Result<File> {
        fs::rename(&self.path, name)?;
        self.renamed = true;
        self.file.try_clone()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // If it cannot be removed, somebody else did.
            let _ = fs::remove_file(&self.path);
        }
    }
}
