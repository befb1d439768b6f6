// SPDX-License-Identifier: GPL-2.0

//! `record --rotate`: a recording in several files, each of them complete.
//!
//! The current file keeps its name. Full files are renamed: `x.rec` to `x.1.rec`, `x.2.rec` and so on. The
//! last snapshot of a file is also the first of the next one, so no exit is lost between files.

use super::{replacement::Target, Taken};
use crate::{
    cli::Rotate,
    source::recording::{Compression, End, Mark, Metadata, Recorder},
};
use rustix::{
    fs::{fchmod, renameat_with, Mode, RenameFlags, CWD},
    io::Errno,
};
use std::{
    collections::VecDeque,
    ffi::OsString,
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Instant,
};

/// State of the files of a recording.
#[derive(Debug)]
pub struct Rotation {
    path: PathBuf,
    full: Rotate,
    /// Number of full files to keep; `None` keeps all.
    keep: Option<usize>,
    begun: Instant,
    /// Number of the last full file.
    number: u64,
    /// Existing full files of this recording, oldest first.
    finished: VecDeque<PathBuf>,
}

impl Rotation {
    /// Begins with the first file.
    pub fn new(path: &Path, full: Rotate, keep: Option<usize>) -> Self {
        Self {
            path: path.to_owned(),
            full,
            keep,
            begun: Instant::now(),
            number: 0,
            finished: VecDeque::new(),
        }
    }

    /// Returns whether the file is full.
    ///
    /// # Errors
    ///
    /// Its size cannot be read.
    pub fn is_due(&self, file: &File) -> io::Result<bool> {
        Ok(match self.full {
            Rotate::Size(size) => file.metadata()?.len() >= size,
            Rotate::Age(age) => self.begun.elapsed() >= age,
        })
    }

    /// Ends a full file, and continues in a new one that begins with the last snapshot, in the phase of the last mark.
    ///
    /// # Errors
    ///
    /// A file cannot be written, renamed or removed.
    pub fn rotate(
        &mut self,
        recorder: Recorder<File>,
        metadata: &Metadata,
        compression: Compression,
        last: &Taken,
        phase: &[Mark],
    ) -> io::Result<Recorder<File>> {
        let mut begin = Recorder::with(Vec::new(), metadata, compression)?;
        last.write(&mut begin, phase)?;
        let mode = recorder.output().metadata()?.mode() & 0o777;
        recorder.end(&End { status: None })?;
        self.put_aside()?;
        let new = Target::open(&self.path)?.begin(begin.output())?;
        let file = new.commit(begin.output())?;
        fchmod(&file, Mode::from_bits_truncate(mode))?;
        self.begun = Instant::now();
        Ok(begin.onto(file))
    }

    /// Renames the full file to the next free number, and removes the oldest file beyond the number to
    /// keep.
    fn put_aside(&mut self) -> io::Result<()> {
        let name = loop {
            self.number += 1;
            let name = numbered(&self.path, self.number);
            // An existing file of this name is not replaced.
            match renameat_with(CWD, &self.path, CWD, &name, RenameFlags::NOREPLACE) {
                Ok(()) => break name,
                Err(Errno::EXIST) => (),
                Err(errno) => return Err(errno.into()),
            }
        };
        self.finished.push_back(name);
        while self.keep.is_some_and(|keep| self.finished.len() > keep) {
            let Some(oldest) = self.finished.pop_front() else {
                break;
            };
            match fs::remove_file(&oldest) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => (),
            }
        }
        Ok(())
    }
}

/// Inserts a number into a name: `x.rec` becomes `x.7.rec`.
fn numbered(path: &Path, number: u64) -> PathBuf {
    let mut name = OsString::from(path.file_stem().unwrap_or_default());
    name.push(format!(".{number}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_comes_before_the_extension() {
        let numbered = |path: &str| numbered(Path::new(path), 7).display().to_string();
        assert_eq!(numbered("x.rec"), "x.7.rec");
        assert_eq!(numbered("d/x.y.rec"), "d/x.y.7.rec");
        assert_eq!(numbered("x"), "x.7");
        assert_eq!(numbered(".x"), ".x.7");
    }
}
