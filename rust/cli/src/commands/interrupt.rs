// SPDX-License-Identifier: GPL-2.0

//! Waiting that Ctrl-C ends, without ending the command.

use crate::error::Error;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
    low_level::emulate_default_handler,
};
use std::{
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::Instant,
};

/// Receiver of the signals that request the end of a command.
#[derive(Debug)]
pub(super) struct Interrupt(Receiver<()>);

impl Interrupt {
    /// Handles SIGINT, SIGTERM and SIGHUP from now on. The second signal has its default effect, in case
    /// the process is stuck.
    ///
    /// # Errors
    ///
    /// The kernel refuses to install the handlers.
    pub(super) fn listen() -> Result<Self, Error> {
        let signals = Signals::new([SIGINT, SIGTERM, SIGHUP]);
        let mut signals = signals.map_err(Error::io("cannot wait for signals"))?;
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut is_first = true;
            for signal in signals.forever() {
                if is_first {
                    // If nobody waits, the command is about to end.
                    let _ = sender.send(());
                } else {
                    let _ = emulate_default_handler(signal);
                }
                is_first = false;
            }
        });
        Ok(Self(receiver))
    }

    /// Waits until `due`. Returns whether a signal came first.
    ///
    /// # Errors
    ///
    /// The thread that receives signals has ended, which does not happen.
    pub(super) fn wait(&self, due: Instant) -> Result<bool, Error> {
        let left = due.saturating_duration_since(Instant::now());
        match self.0.recv_timeout(left) {
            Ok(()) => Ok(true),
            Err(RecvTimeoutError::Timeout) => Ok(false),
            Err(RecvTimeoutError::Disconnected) => {
                Err(Error::Failed("signals are no longer received".to_owned()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_signal_ends_a_wait() {
        let interrupt = Interrupt::listen().unwrap();
        assert!(!interrupt.wait(Instant::now()).unwrap());
        signal_hook::low_level::raise(SIGHUP).unwrap();
        let later = Instant::now() + Duration::from_secs(600);
        assert!(interrupt.wait(later).unwrap());
    }
}
