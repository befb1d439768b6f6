// SPDX-License-Identifier: GPL-2.0

//! The recorded command, and the processes that it leaves behind.

use rustix::{
    io::Errno,
    process::{getpid, kill_process, set_child_subreaper, wait, Pid, Signal, WaitOptions},
};
use std::{
    ffi::OsString,
    io,
    os::unix::process::ExitStatusExt,
    process::{Child, Command, ExitStatus},
};

/// A running command.
#[derive(Debug)]
pub struct Running(Child);

impl Running {
    /// Starts the command, if there is one. If `adopts`, exitstat becomes the parent of processes that the
    /// command leaves behind, such as daemons, so they stay its descendants.
    pub fn start(command: &[OsString], adopts: bool) -> Option<io::Result<Self>> {
        let (program, arguments) = command.split_first()?;
        let start = || {
            if adopts {
                set_child_subreaper(Some(getpid()))?;
            }
            Command::new(program).args(arguments).spawn().map(Self)
        };
        Some(start())
    }

    /// Returns the command's exit status if it has ended. Reaps adopted processes.
    ///
    /// # Errors
    ///
    /// The child does not exist.
    pub fn ended(&self) -> io::Result<Option<ExitStatus>> {
        while let Some((pid, status)) = retry(|| wait(WaitOptions::NOHANG))? {
            if Some(pid) == self.pid() {
                return Ok(Some(ExitStatus::from_raw(status.as_raw())));
            }
        }
        Ok(None)
    }

    /// Forwards a signal. The command may have ended already.
    pub fn signal(&self, signal: i32) {
        if let (Some(pid), Some(signal)) = (self.pid(), Signal::from_named_raw(signal)) {
            let _ = kill_process(pid, signal);
        }
    }

    fn pid(&self) -> Option<Pid> {
        let pid = i32::try_from(self.0.id()).ok()?;
        Pid::from_raw(pid)
    }
}

fn retry<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::INTR) => (),
            result => return result,
        }
    }
}
