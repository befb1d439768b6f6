// SPDX-License-Identifier: GPL-2.0

//! Replacement of the output file. The previous content stays until the recording begins.

use rustix::fs::{fchmod, fchown, Gid, Mode, Uid};
use std::{
    fs::{self, File, Metadata, OpenOptions},
    hash::{BuildHasher, RandomState},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// The output before it is replaced.
#[derive(Debug)]
pub enum Target {
    /// A name that does not exist.
    None(PathBuf),
    /// A file.
    File(File, PathBuf),
    /// A device or a pipe, which has no content to lose.
    Stream(File),
}

impl Target {
    /// Opens the output without changing it. Blocks until a pipe has a reader.
    ///
    /// # Errors
    ///
    /// The output cannot be opened for writing.
    pub fn open(path: &Path) -> io::Result<Self> {
        match fs::metadata(path) {
            // A dangling link has no content to lose.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => {
                return Ok(Self::None(path.to_owned()))
            }
            _ => (),
        }
        // With O_CREAT, the kernel refuses files that other users put into directories like /tmp.
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        let (file, path) = (options.open(path)?, path.to_owned());
        Ok(match file.metadata()?.is_file() {
            true => Self::File(file, path),
            false => Self::Stream(file),
        })
    }

    /// Writes the beginning of the recording to a new file, if that is possible without changing the
    /// output. A full disk is detected early this way.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
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

/// An output that is replaced entirely or not at all.
#[derive(Debug)]
pub enum Replacement {
    /// A new file in the same directory, to be renamed.
    Renamed {
        /// The new file.
        new: Temporary,
        /// The final name.
        name: PathBuf,
    },
    /// A file that cannot be replaced by a new one. It is truncated and overwritten instead.
    Emptied(File),
    /// A device or a pipe.
    Stream(File),
}

impl Replacement {
    /// Replaces the output with a file that has the given beginning, and returns it for the rest of the
    /// recording.
    ///
    /// # Errors
    ///
    /// The output cannot be replaced. It is unchanged, unless it had to be truncated.
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

/// Returns the file's name after following links. `None` for links through /proc, such as /dev/stdout,
/// which lead to open files whose names are irrelevant.
fn behind_links(path: &Path, metadata: &Metadata) -> Option<PathBuf> {
    let mut name = path.to_owned();
    // The kernel's limit.
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
                // Make sure that it is the opened file, in case a link was changed in the meantime.
                let found = fs::symlink_metadata(&place).ok()?;
                let same = (found.dev(), found.ino()) == (metadata.dev(), metadata.ino());
                return same.then_some(place);
            }
        }
    }
    None
}

/// A file that is removed on drop, unless it is renamed.
#[derive(Debug)]
pub struct Temporary {
    path: PathBuf,
    file: File,
    renamed: bool,
}

impl Temporary {
    /// Creates a file in the same directory, because files cannot be renamed to another file system.
    fn beside(path: &Path, mode: u32) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        // Existing files and links of this name belong to others.
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

    /// Creates a file with the owner and mode of an old one, and returns it with the old one's name.
    /// Returns `None` if the old one cannot be replaced.
    fn in_place_of(old: &File, path: &Path) -> io::Result<Option<(Self, PathBuf)>> {
        let metadata = old.metadata()?;
        let name = match behind_links(path, &metadata) {
            // Other hard links must see the recording, too.
            Some(name) if metadata.nlink() == 1 => name,
            _ => return Ok(None),
        };
        // A user who may write the file need not have permission to create files in its directory.
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
            // If it cannot be removed, somebody else removed it.
            let _ = fs::remove_file(&self.path);
        }
    }
}
