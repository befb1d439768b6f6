// SPDX-License-Identifier: GPL-2.0

//! A file for node_exporter's textfile collector.

use super::{Format, Metrics};
use crate::error::Error;
use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// Writes the file once, or each `interval`. `metrics` is asked for those of the newest sample
/// (true) or of the next (false).
///
/// # Errors
///
/// At the first time all; later on only that it cannot be written: while the counters cannot be
/// read the file stays as it is, and node_exporter tells its age.
pub fn write(
    path: &Path,
    interval: Option<Duration>,
    mut metrics: impl FnMut(bool) -> Result<Metrics, Error>,
) -> Result<(), Error> {
    if path.extension().is_none_or(|extension| extension != "prom") {
        crate::say!(
            "exitstat: {}: node_exporter reads only files whose names end in .prom",
            path.display()
        );
    }
    replace(path, metrics(interval.is_none())?)?;
    let Some(interval) = interval else {
        return Ok(());
    };
    loop {
        thread::sleep(interval);
        match metrics(false) {
            Ok(metrics) => replace(path, metrics)?,
            Err(error) => crate::say!("exitstat: {error}"),
        }
    }
}

/// Replaces the file by a whole one: who reads it meanwhile sees the old one or the new one.
fn replace(path: &Path, metrics: Metrics) -> Result<(), Error> {
    let text = metrics.encode(Format::Text)?;
    // In the same directory, as a file cannot be renamed to another file system. The name does not
    // end in .prom, and is the same each time: what is left of a run that was killed is overwritten.
    let mut new = OsString::from(path);
    new.push(".new");
    let new = PathBuf::from(new);
    let written = put(&new, text.as_bytes()).and_then(|()| fs::rename(&new, path));
    written.map_err(|error| {
        // There is nothing to be done if that fails too.
        let _ = fs::remove_file(&new);
        Error::io(format!("cannot write {}", path.display()))(error)
    })
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    // Or a crash of the host could leave the name of the new file with nothing in it.
    file.sync_all()
}
