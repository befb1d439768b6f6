// SPDX-License-Identifier: GPL-2.0

//! `exitstat documents`: writes the manual pages and completions made by `build.rs`. The binary contains
//! them, so copying it is enough.

use crate::{cli::DocumentsArgs, error::Error};
use std::fs;

/// Paths below the directory, and contents.
const DOCUMENTS: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/documents/list.rs"));

/// Runs the command.
///
/// # Errors
///
/// A file cannot be written.
pub fn run(args: &DocumentsArgs) -> Result<(), Error> {
    for (name, content) in DOCUMENTS {
        let path = args.directory.join(name);
        let error = format!("cannot write {}", path.display());
        let parent = path.parent().unwrap_or(&args.directory);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, content))
            .map_err(Error::io(error))?;
    }
    Ok(())
}
