// SPDX-License-Identifier: GPL-2.0

//! `exitstat top`: live, on the full screen.

use crate::{
    cli::TopArgs,
    error::Error,
    source::{capture::Capture, Source},
};
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

mod app;
mod draw;
pub mod screen;

use app::App;
use screen::Screen;

/// How long a signal may wait to be looked at.
const ATTENTION: Duration = Duration::from_millis(100);

/// With no time at all crossterm does not look for events.
const AT_ONCE: Duration = Duration::from_millis(1);

/// Carries it out.
///
/// # Errors
///
/// There is no terminal, or the counters cannot be read. The terminal is as it was, then too.
pub fn run(args: &TopArgs) -> Result<ExitCode, Error> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(Error::Usage(
            "top needs a terminal; `exitstat 1` prints a table each second".to_owned(),
        ));
    }
    let _capture = args.capture.map(Capture::begin).transpose()?;
    let mut source = Source::open(&args.source)?.with_details();
    let first = match source.first() {
        // Others see the rest.
        Err(error) if error.is_want_of_details() => {
            source = Source::open(&args.source)?;
            source.first()
        }
        first => first,
    };
    let app = App::new(first?);

    let signalled = Arc::new(AtomicUsize::new(0));
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        let number = usize::try_from(signal).unwrap_or(0);
        flag::register_usize(signal, Arc::clone(&signalled), number)
            .map_err(Error::io("cannot wait for signals"))?;
    }
    let screen = Screen::open().map_err(Error::io("cannot use the terminal"))?;
    let ended = look(screen, app, &mut source, args.interval, &signalled);
    // By now the terminal is as it was. Whoever sent a signal shall see that it had its effect.
    let whole = source.is_whole();
    match i32::try_from(signalled.load(Ordering::Relaxed)) {
        Ok(0) | Err(_) => ended?,
        Ok(signal) => emulate_default_handler(signal).map_err(Error::io("cannot end"))?,
    }
    Ok(super::done(whole))
}

/// Until the user or a signal ends it.
fn look(
    mut screen: Screen,
    mut app: App,
    source: &mut Source,
    interval: Duration,
    signalled: &AtomicUsize,
) -> Result<(), Error> {
    let terminal = || Error::io("cannot use the terminal");
    let mut due = Instant::now() + interval;
    let mut changed = true;
    while signalled.load(Ordering::Relaxed) == 0 {
        if changed {
            screen
                .draw(|frame| draw::draw(frame, &mut app))
                .map_err(terminal())?;
            changed = false;
        }
        let left = due.saturating_duration_since(Instant::now());
        if !wait(left.min(ATTENTION)).map_err(terminal())? {
            return Err(Error::Failed("the terminal is gone".to_owned()));
        }
        while event::poll(AT_ONCE).map_err(terminal())? {
            match event::read().map_err(terminal())? {
                Event::Key(key) if app.key(key) => return Ok(()),
                Event::Key(_) | Event::Resize(..) => changed = true,
                _ => (),
            }
        }
        if Instant::now() >= due {
            due = Instant::now() + interval;
            if !app.paused() {
                match source.sample(Duration::ZERO)? {
                    Some(sample) => app.sample(sample),
                    None => app.at_end(),
                }
                changed = true;
            }
        }
    }
    Ok(())
}

/// Waits for a key, a signal, or so long. False if the terminal was hung up, which crossterm does not
/// always say.
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
