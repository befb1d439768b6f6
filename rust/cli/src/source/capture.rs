// SPDX-License-Identifier: GPL-2.0

//! The module's parameter `detail`: what is captured of exits.

use crate::{cli::CaptureKind, error::Error};
use std::{fs, io::ErrorKind};

const PARAMETER: &str = "/sys/module/kvm_exitstat/parameters/detail";

/// That details are captured. Dropped, they are not, unless they were before.
#[derive(Debug)]
pub struct Capture {
    ends: bool,
}

impl Capture {
    /// Begins to capture.
    ///
    /// # Errors
    ///
    /// The module cannot, may not, or captures something else already.
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
                "the module captures `{now}` already, for somebody else: use --capture {now}, or as root, to end it: \
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
                    "exitstat: details are captured still: cannot write {PARAMETER}: {error}"
                );
            }
        }
    }
}

fn error(error: std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound => Error::Failed(
            "only the module can capture details, of this release or a newer one: is it loaded? (`exitstat enable`)"
                .to_owned(),
        ),
        ErrorKind::PermissionDenied => Error::Failed(format!(
            "only root may have details captured: no permission for {PARAMETER}"
        )),
        _ => Error::io(format!("cannot have details captured by {PARAMETER}"))(error),
    }
}
