// SPDX-License-Identifier: GPL-2.0

//! `exitstat top`: live view of VM exits on the full screen.

use crate::{cli::TopArgs, error::Error, source::capture::Capture};
use crossterm::event::{self, Event};
use rustix::{
    event::{poll, PollFd, PollFlags, Timespec},
    io::Errno,
};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
    low_level::emulate_default_handler,
};
use std::{
    io::{self, IsTerminal},
    process::ExitCode,
    sync::{
        atomic::{AtomicUsize, Ordering},
        Arc,
    },
    time::{Duration, Instant},
};

pub mod app;
mod columns;
mod details;
pub mod draw;
mod feed;
mod filter;
mod format;
mod history;
mod listing;
mod playback;
mod reasons;
pub mod replay;
pub mod screen;
pub mod step;
pub mod timeline;
pub mod watch;
mod who;

use app::{App, Request};
use draw::Look;
use feed::Feed;
use screen::Screen;
use step::Span;

/// Maximum delay until a signal is noticed.
const ATTENTION: Duration = Duration::from_millis(100);

/// A timeout of zero would make crossterm skip the check for events.
const AT_ONCE: Duration = Duration::from_millis(1);

/// Runs `exitstat top` until the user or a signal ends it.
///
/// # Errors
///
/// There is no terminal, or the counters cannot be read. The terminal is restored in any case.
pub fn run(args: &TopArgs) -> Result<ExitCode, Error> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(Error::Usage(
            "top needs a terminal ('exitstat 1' prints a table every second)".to_owned(),
        ));
    }
    let _capture = args.capture.map(Capture::begin).transpose()?;
    let mut feed = Feed::open(&args.source)?;
    let first = feed.step(feed.start(), Span::Interval)?;
    let app = App::new(feed.timeline().cloned(), first);

    let signalled = Arc::new(AtomicUsize::new(0));
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        let number = usize::try_from(signal).unwrap_or(0);
        flag::register_usize(signal, Arc::clone(&signalled), number)
            .map_err(Error::io("cannot wait for signals"))?;
    }
    let screen = Screen::open().map_err(Error::io("cannot use the terminal"))?;
    let ended = watch(screen, app, &mut feed, args.interval, &signalled);
    // The terminal is restored by now. The sender of a signal expects its usual effect.
    let whole = feed.is_whole();
    match i32::try_from(signalled.load(Ordering::Relaxed)) {
        Ok(0) | Err(_) => ended?,
        Ok(signal) => emulate_default_handler(signal).map_err(Error::io("cannot end"))?,
    }
    Ok(super::done(whole))
}

/// Draws, takes snapshots and handles keys, until the user or a signal ends it.
fn watch(
    mut screen: Screen,
    mut app: App,
    feed: &mut Feed,
    interval: Duration,
    signalled: &AtomicUsize,
) -> Result<(), Error> {
    let terminal = || Error::io("cannot use the terminal");
    let look = Look::of_environment();
    let mut shown = Instant::now();
    let mut changed = true;
    while signalled.load(Ordering::Relaxed) == 0 {
        if changed {
            screen
                .draw(|frame| draw::draw(frame, &mut app, &look))
                .map_err(terminal())?;
            changed = false;
        }
        let due = shown + app.playback.delay(app.at(), interval);
        let left = due.saturating_duration_since(Instant::now());
        if !wait(left.min(ATTENTION)).map_err(terminal())? {
            return Err(Error::Failed("the terminal is gone".to_owned()));
        }
        while event::poll(AT_ONCE).map_err(terminal())? {
            changed = true;
            let Event::Key(key) = event::read().map_err(terminal())? else {
                continue;
            };
            match app.key(key) {
                Request::Nothing => (),
                Request::Quit => return Ok(()),
                Request::Show(at) => {
                    let moved = at != app.at();
                    app.show(feed.step(at, app.span())?);
                    if moved {
                        shown = Instant::now();
                    }
                }
            }
        }
        let now = Instant::now();
        if now >= shown + app.playback.delay(app.at(), interval) {
            shown = now;
            if let Some(at) = app.playback.next(app.at()) {
                app.show(feed.step(at, app.span())?);
                changed = true;
            }
        }
    }
    Ok(())
}

/// Waits for a key, a signal, or the timeout. Returns false if the terminal was hung up, which crossterm does not
/// always report.
fn wait(timeout: Duration) -> io::Result<bool> {
    let stdin = io::stdin();
    let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
    let timeout = Timespec::try_from(timeout).map_err(io::Error::other)?;
    match poll(&mut fds, Some(&timeout)) {
        Ok(_) | Err(Errno::INTR) => (),
        Err(errno) => return Err(errno.into()),
    }
    let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
    Ok(!fds.iter().any(|fd| fd.revents().intersects(gone)))
}
