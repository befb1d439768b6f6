// SPDX-License-Identifier: GPL-2.0

//! Playback: pausing, and the speed of recordings.

use super::timeline::Timeline;
use crossterm::event::KeyCode;
use std::time::Duration;

/// Length of the first interval of a running kernel. It is short, to show rates soon.
const FIRST_INTERVAL: Duration = Duration::from_millis(250);

/// How many times the speed can be doubled or halved.
const FASTEST: i8 = 6;

/// State of the playback.
#[derive(Debug)]
pub struct Playback {
    timeline: Option<Timeline>,
    paused: bool,
    speed: i8,
}

impl Playback {
    /// Starts the playback of a recording with this timeline, or of the running kernel.
    #[must_use]
    pub fn new(timeline: Option<Timeline>) -> Self {
        Self {
            timeline,
            paused: false,
            speed: 0,
        }
    }

    /// Returns the recording's timeline.
    #[must_use]
    pub fn timeline(&self) -> Option<&Timeline> {
        self.timeline.as_ref()
    }

    /// Returns whether the user paused it.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Returns whether a snapshot is the recording's last.
    #[must_use]
    pub fn is_end(&self, at: usize) -> bool {
        let last = self.timeline.as_ref().map(Timeline::last);
        last.is_some_and(|last| at >= last)
    }

    /// Returns the next snapshot after another; `None` if paused or at the end.
    #[must_use]
    pub fn next(&self, at: usize) -> Option<usize> {
        (!self.paused && !self.is_end(at)).then_some(at + 1)
    }

    /// Returns the time until the next snapshot.
    #[must_use]
    pub fn delay(&self, at: usize, interval: Duration) -> Duration {
        match self.timeline {
            None if at == 0 => interval.min(FIRST_INTERVAL),
            None => interval,
            Some(_) if self.speed < 0 => interval.saturating_mul(self.factor()),
            Some(_) => interval / self.factor(),
        }
    }

    /// Returns the relative speed in words.
    #[must_use]
    pub fn speed(&self) -> String {
        match self.speed {
            0.. => format!("x{}", self.factor()),
            _ => format!("x1/{}", self.factor()),
        }
    }

    fn factor(&self) -> u32 {
        1 << self.speed.unsigned_abs()
    }

    /// Pauses or continues. At the end of a recording, starts again, with the snapshot that this returns.
    pub fn toggle(&mut self, at: usize) -> Option<usize> {
        let start = self.timeline.as_ref().map(Timeline::start);
        match start.filter(|_| self.is_end(at)) {
            Some(start) => {
                self.paused = false;
                Some(start)
            }
            None => {
                self.paused = !self.paused;
                None
            }
        }
    }

    /// Moves in the recording, which pauses it, or changes the speed. Returns the snapshot to show.
    ///
    /// # Errors
    ///
    /// There is no recording.
    pub fn key(&mut self, key: KeyCode, at: usize) -> Result<Option<usize>, &'static str> {
        let Some(timeline) = &self.timeline else {
            return Err("only recordings can be stepped through (--from FILE)");
        };
        let to = match key {
            KeyCode::Left => timeline.start().max(at.saturating_sub(1)),
            KeyCode::Right => timeline.last().min(at + 1),
            KeyCode::Char('[') => timeline.previous_phase(at),
            KeyCode::Char(']') => timeline.next_phase(at),
            _ => {
                let step = if key == KeyCode::Char('-') { -1 } else { 1 };
                self.speed = (self.speed + step).clamp(-FASTEST, FASTEST);
                return Ok(None);
            }
        };
        // Otherwise playback would continue at once.
        self.paused = true;
        Ok(Some(to))
    }
}
