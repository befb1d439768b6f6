// SPDX-License-Identifier: GPL-2.0

//! The terminal while top uses it.

use ratatui::{DefaultTerminal, Frame};
use std::{io, thread};

/// The full screen, in raw mode. Dropping it restores the terminal. After a panic, ratatui's hook restores
/// it before the message is printed.
#[derive(Debug)]
pub struct Screen(DefaultTerminal);

impl Screen {
    /// Takes over the terminal.
    ///
    /// # Errors
    ///
    /// There is no terminal.
    pub fn open() -> io::Result<Self> {
        match ratatui::try_init() {
            Ok(terminal) => Ok(Self(terminal)),
            Err(error) => {
                // It may be partially initialized.
                ratatui::restore();
                Err(error)
            }
        }
    }

    /// Draws a screen. Only changes are written.
    ///
    /// # Errors
    ///
    /// The terminal cannot be written to.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.0.draw(draw).map(|_| ())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // The hook has restored it. Restoring it again would move the cursor onto the panic message.
        if thread::panicking() {
            return;
        }
        // If this fails, as after a hang-up, there is no terminal.
        let _ = ratatui::try_restore();
    }
}
