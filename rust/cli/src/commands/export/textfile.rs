// SPDX-License-Identifier: GPL-2.0

//! The file for node_exporter's textfile collector.

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

/// Writes the file once, or at each `interval`. `metrics` returns those of the newest sample (true) or of
/// the next one (false).
///
/// # Errors
///
/// At the first write, any error. Later, only write errors: if the counters cannot be read, the file stays
/// as it is, and node_exporter exports its age.
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

/// Replaces the file atomically.
fn replace(path: &Path, metrics: Metrics) -> Result<(), Error> {
    // A rename would put a file in the place of /dev/null or /dev/stdout.
    if fs::symlink_metadata(path).is_ok_and(|file| !file.is_file()) {
        return Err(Error::Usage(format!(
            "--textfile replaces its file, and {} is not a regular file",
            path.display()
        )));
    }
    let text = metrics.encode(Format::Text)?;
    // A rename requires the same file system. node_exporter ignores the temporary name. The name is fixed,
    // so that the next run overwrites what a killed run left.
    let mut new = OsString::from(path);
    new.push(".new");
    let new = PathBuf::from(new);
    let written = put(&new, text.as_bytes()).and_then(|()| fs::rename(&new, path));
    written.map_err(|error| {
        // Report the first error.
        let _ = fs::remove_file(&new);
        Error::io(format!("cannot write {}", path.display()))(error)
    })
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    // Otherwise a crash of the host could leave an empty file.
    file.sync_all()
}
