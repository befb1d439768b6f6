// SPDX-License-Identifier: GPL-2.0

//! The module's parameter `detail`, which selects the details to capture.

use crate::{cli::CaptureKind, error::Error};
use std::{fs, io::ErrorKind};

const PARAMETER: &str = "/sys/module/kvm_exitstat/parameters/detail";

/// Captures details while it exists. On drop, capturing stops, unless it was on before.
#[derive(Debug)]
pub struct Capture {
    ends: bool,
}

impl Capture {
    /// Begins capturing.
    ///
    /// # Errors
    ///
    /// The module cannot capture, the user may not change it, or it already captures something else.
    pub fn begin(what: CaptureKind) -> Result<Self, Error> {
        let word = match what {
            CaptureKind::Key => "key",
            CaptureKind::Ip => "ip",
            CaptureKind::Both => "both",
        };
        let now = fs::read_to_string(PARAMETER).map_err(error)?;
        match now.trim() {
            now if now == word => Ok(Self { ends: false }),
            "off" => {
                fs::write(PARAMETER, word).map_err(error)?;
                Ok(Self { ends: true })
            }
            now => Err(Error::Failed(format!(
                "the module already captures `{now}`: use --capture {now}, or end it, as root: \
                 echo off >{PARAMETER}"
            ))),
        }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        if self.ends {
            if let Err(error) = fs::write(PARAMETER, "off") {
                crate::say!(
                    "exitstat: cannot stop capturing details: cannot write {PARAMETER}: {error}"
                );
            }
        }
    }
}

fn error(error: std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound => Error::Failed(
            "cannot capture details: the module is not loaded (`exitstat enable`), or is older than this command"
                .to_owned(),
        ),
        ErrorKind::PermissionDenied => Error::Failed(format!(
            "cannot capture details: no permission to write {PARAMETER} (run exitstat as root)"
        )),
        _ => Error::io(format!("cannot capture details through {PARAMETER}"))(error),
    }
}
