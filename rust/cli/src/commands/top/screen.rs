// SPDX-License-Identifier: GPL-2.0

//! The terminal, while it is ours.

use ratatui::{DefaultTerminal, Frame};
use std::{io, thread};

/// The full screen, in raw mode. Dropped, the terminal is as it was; after a panic too, and before
/// its message is printed, by a hook that ratatui sets.
#[derive(Debug)]
pub struct Screen(DefaultTerminal);

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn open() -> io::Result<Self> {
        match ratatui::try_init() {
            Ok(terminal) => Ok(Self(terminal)),
            Err(error) => {
                // Part of it may have worked.
                ratatui::restore();
                Err(error)
            }
        }
    }

    /// Draws all of it anew; only what changed is written.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.0.draw(draw).map(|_| ())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // The hook has done it; once more would put the cursor on the panic's message.
        if thread::panicking() {
            return;
        }
        // Where it fails, as after a hang-up, there is no terminal any more.
        let _ = ratatui::try_restore();
    }
}
