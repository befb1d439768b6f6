// SPDX-License-Identifier: GPL-2.0

//! Recordings of real guests, for people without a VMX host.

use crate::{report::bytes, run::Run, suite::scenarios::scripts, workspace::Workspace};
use anyhow::{anyhow, ensure, Context, Result};
use std::{fs, path::Path};

/// Boots L1, records a guest there from boot to shutdown with `exitstat record`, and writes the recording to
/// `file`. With `capture`, the recording has details.
pub fn record(workspace: &Workspace, file: &Path, capture: Option<&str>) -> Result<()> {
    let run = Run {
        command: true,
        echo: true,
        env: format!("CAPTURE={}", capture.unwrap_or_default()),
        ..scripts(workspace, &["record"])?
    };
    let outcome = run.boot(workspace)?;
    ensure!(outcome.status == Some(0), "the recording failed");
    let text = outcome.report.get("recording").context("no recording")?;
    let recording = bytes(text).map_err(|error| anyhow!("the recording: {error}"))?;
    fs::write(file, recording).with_context(|| file.display().to_string())
}
