// SPDX-License-Identifier: GPL-2.0

//! `exitstat enable` and `exitstat disable`: they run a script from the package.

use crate::{
    cli::{DisableArgs, EnableArgs},
    error::Error,
};
use std::{
    io::ErrorKind,
    os::unix::process::CommandExt,
    process::{Command, ExitCode},
};

/// Path of `scripts/host/kvm` in the Debian package.
const SCRIPT: &str = "/usr/lib/exitstat/kvm";

/// Runs `exitstat enable`.
///
/// # Errors
///
/// The script cannot be run. If the script fails, its exit status is returned.
pub fn enable(args: &EnableArgs) -> Result<ExitCode, Error> {
    let mut command = script("enable", args.next_boot);
    if let (Some(key), Some(cert)) = (&args.key, &args.cert) {
        command.arg("--key").arg(key).arg("--cert").arg(cert);
    }
    become_it(command)
}

/// Runs `exitstat disable`.
///
/// # Errors
///
/// The script cannot be run.
pub fn disable(args: &DisableArgs) -> Result<ExitCode, Error> {
    become_it(script("disable", args.next_boot))
}

fn script(what: &str, next_boot: bool) -> Command {
    let mut command = Command::new(SCRIPT);
    command.arg(what);
    if next_boot {
        command.arg("--next-boot");
    }
    command
}

fn become_it(mut command: Command) -> Result<ExitCode, Error> {
    let error = command.exec();
    if error.kind() == ErrorKind::NotFound {
        return Err(Error::Failed(format!(
            "{SCRIPT} not found: this command needs exitstat's packages for Debian kernels.\n\
             On your own patched kernel, as root: modprobe kvm_intel"
        )));
    }
    Err(Error::io(SCRIPT)(error))
}
