// SPDX-License-Identifier: GPL-2.0

//! `exitstat top` in a real terminal: that of tmux, Debian's package of this name.
//! `EXITSTAT_UPDATE=1 cargo test` writes the screens in `expected/` anew.

mod common;
mod made;

use exitstat_cli::commands::top::screen::Screen;
use std::{
    env, fs, panic,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};
use tempfile::TempDir;

/// A terminal with a shell in it.
struct Terminal {
    directory: TempDir,
}

impl Terminal {
    fn open(columns: u32, rows: u32) -> Self {
        let terminal = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        let recording = terminal.directory.path().join("x.rec");
        fs::write(recording, made::recorded(20)).unwrap();
        let detailed = terminal.directory.path().join("detail.rec");
        fs::write(detailed, common::recording(&common::details(true))).unwrap();
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let shell = format!(
            "cd {} && echo before && stty -a >before && exec sh",
            terminal.directory.path().display()
        );
        // A server of its own, that nobody's settings reach.
        let tmux = [
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            &columns,
            "-y",
            &rows,
        ];
        let environment = [
            "env",
            "-i",
            "TERM=screen-256color",
            "TZ=UTC",
            "LANG=C.UTF-8",
            "PS1=$ ",
        ];
        terminal.tmux(&[&tmux[..], &environment, &["sh", "-c", &shell]].concat());
        terminal.wait_for(|screen| screen.starts_with("before\n$"));
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let socket = self.directory.path().join("tmux");
        let output = Command::new("tmux")
            .arg("-S")
            .arg(socket)
            .args(arguments)
            .output()
            .expect("tmux, of Debian's package of this name");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    fn enter(&self, line: &str) {
        self.keys(&[line, "Enter"]);
    }

    fn screen(&self) -> String {
        let screen = self.tmux(&["capture-pane", "-p"]);
        let lines = screen.lines().map(|line| line.trim_end().to_owned() + "\n");
        lines.collect()
    }

    /// Looks until there is what is waited for.
    fn wait_for(&self, is: impl Fn(&str) -> bool) -> String {
        for _ in 0..600 {
            let screen = self.screen();
            if is(&screen) {
                return screen;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("what is waited for is not to be seen:\n{}", self.screen());
    }

    /// What tmux knows of its terminal.
    fn state(&self, variable: &str) -> String {
        let answer = self.tmux(&["display-message", "-p", &format!("#{{{variable}}}")]);
        answer.trim().to_owned()
    }

    fn start_top(&self) {
        self.start_top_of("x.rec");
    }

    fn start_top_of(&self, recording: &str) {
        self.start(&format!(
            "{} top 0.02 --from {recording}",
            env!("CARGO_BIN_EXE_exitstat")
        ));
    }

    fn start(&self, command: &str) {
        self.enter(&format!(
            "{command}; echo ended with $?; stty -a >after; echo done"
        ));
    }

    /// The process in the shell.
    fn child(&self) -> String {
        let shell = self.state("pane_pid");
        let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
        children.trim().to_owned()
    }

    /// The terminal is as it was, and the status is that.
    fn assert_as_before(&self, status: u32) {
        let screen = self.wait_for(|screen| screen.contains("\ndone\n"));
        assert!(
            screen.contains(&format!("ended with {status}\n")),
            "{screen}"
        );
        assert!(
            screen.starts_with("before\n"),
            "what was there is not again:\n{screen}"
        );
        assert_eq!(
            self.state("alternate_on"),
            "0",
            "still on the alternate screen"
        );
        assert_eq!(self.state("cursor_flag"), "1", "no cursor");
        let read = |name| fs::read_to_string(self.directory.path().join(name)).unwrap();
        assert!(read("before").contains("speed"));
        assert_eq!(read("before"), read("after"), "stty -a");
    }

    /// The screen becomes that of a file in `expected/`.
    fn assert_screen(&self, name: &str, is: impl Fn(&str) -> bool) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/expected/{name}"));
        if env::var_os("EXITSTAT_UPDATE").is_some() {
            self.wait_for(is);
            // What is still being drawn then.
            thread::sleep(Duration::from_millis(500));
            fs::write(&file, self.screen()).unwrap();
            return;
        }
        let expected = fs::read_to_string(&file).unwrap_or_default();
        assert!(is(&expected), "{name} is of something else:\n{expected}");
        self.wait_for(|screen| screen == expected);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let socket = self.directory.path().join("tmux");
        let _ = Command::new("tmux")
            .arg("-S")
            .arg(socket)
            .arg("kill-server")
            .output();
    }
}

/// The recording has been shown to its end, so that nothing changes by itself.
const END: &str = "END OF THE RECORDING";

#[test]
fn keys_change_what_is_shown_and_q_leaves_the_terminal_as_it_was() {
    let terminal = Terminal::open(110, 30);
    terminal.start_top();
    terminal.assert_screen("top", |screen| screen.contains(END));
    assert_eq!(terminal.state("alternate_on"), "1");

    terminal.keys(&["Down", "Down"]);
    terminal.assert_screen("top_vm", |screen| screen.contains("exits/s of VM 2"));
    terminal.keys(&["Up", "s"]);
    terminal.assert_screen("top_sorted", |screen| {
        screen.contains("exits/s of VM 1") && screen.contains("by exits")
    });
    terminal.keys(&["Home", "/", "m", "s", "r"]);
    terminal.assert_screen("top_filter", |screen| {
        screen.contains("filter: msr_") && screen.contains("exits/s of all")
    });
    terminal.keys(&["Enter", "c"]);
    terminal.assert_screen("top_cumulative", |screen| {
        screen.contains("since the start, by exits, like msr") && !screen.contains("filter:")
    });
    terminal.keys(&["Escape"]);
    terminal.wait_for(|screen| screen.contains("EPT_VIOLATION") && !screen.contains("like"));
    terminal.keys(&["?"]);
    terminal.assert_screen("top_help", |screen| screen.contains("Help"));
    // Any key ends the help, and does nothing else.
    terminal.keys(&["q"]);
    terminal.wait_for(|screen| !screen.contains("Help"));
    terminal.keys(&["p"]);
    terminal.wait_for(|screen| screen.contains("PAUSED"));
    terminal.keys(&["p"]);
    terminal.wait_for(|screen| screen.contains(END));

    for (columns, rows, name) in [("60", "14", "top_small"), ("150", "40", "top_large")] {
        terminal.tmux(&["resize-window", "-x", columns, "-y", rows]);
        let is = |screen: &str| {
            let lines: Vec<_> = screen.lines().collect();
            lines.len().to_string() == rows
                && lines[0].chars().count().to_string() == columns
                && lines[lines.len() - 1].starts_with("q quit")
        };
        terminal.assert_screen(name, is);
    }
    // Too small for anything, but no reason to give up.
    terminal.tmux(&["resize-window", "-x", "3", "-y", "2"]);
    terminal.tmux(&["resize-window", "-x", "110", "-y", "30"]);
    terminal.wait_for(|screen| screen.contains("PREEMPTION_TIMER"));

    terminal.keys(&["q"]);
    terminal.assert_as_before(0);
}

#[test]
fn enter_shows_what_the_exits_of_a_reason_were_about() {
    let terminal = Terminal::open(80, 24);
    terminal.start_top_of("detail.rec");
    terminal.wait_for(|screen| screen.contains(END));
    terminal.keys(&["c", "Enter", "Down"]);
    terminal.assert_screen("top_reasons", |screen| screen.contains("Esc back  s sort"));
    terminal.keys(&["Enter"]);
    terminal.assert_screen("top_details", |screen| screen.contains("WHAT"));
    terminal.keys(&["Escape"]);
    terminal.wait_for(|screen| screen.contains("REASON") && screen.contains("Esc back  s sort"));
    terminal.keys(&["Escape"]);
    terminal.wait_for(|screen| screen.contains("Enter reason"));
    terminal.keys(&["q"]);
    terminal.assert_as_before(0);

    let terminal = Terminal::open(80, 24);
    terminal.start_top();
    terminal.wait_for(|screen| screen.contains(END));
    terminal.keys(&["Enter", "Enter"]);
    terminal.assert_screen("top_no_details", |screen| {
        screen.contains("was not captured")
    });
    // Keys go on to do what the help says.
    terminal.keys(&["Escape"]);
    terminal.wait_for(|screen| screen.contains("Esc back  s sort"));
    terminal.keys(&["Escape"]);
    terminal.wait_for(|screen| screen.contains("Enter reason"));
    terminal.keys(&["Down"]);
    terminal.wait_for(|screen| screen.contains("exits/s of VM 1"));
}

#[test]
fn signals_leave_the_terminal_as_it_was() {
    for (signal, status) in [("TERM", 143), ("HUP", 129)] {
        let terminal = Terminal::open(100, 24);
        terminal.start_top();
        terminal.wait_for(|screen| screen.contains(END));
        let child = terminal.child();
        assert!(
            !child.is_empty() && child.chars().all(|c| c.is_ascii_digit()),
            "{child}"
        );
        let sent = Command::new("kill")
            .args(["-s", signal, &child])
            .status()
            .unwrap();
        assert!(sent.success());
        terminal.assert_as_before(status);
    }
}

/// Neither is lost: not the key because of the new size, and not the next one either.
#[test]
fn a_key_is_seen_while_the_window_changes_its_size() {
    let terminal = Terminal::open(100, 24);
    terminal.start_top();
    terminal.wait_for(|screen| screen.contains(END));
    let child = terminal.child();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let resizing = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let sent = Command::new("kill").args(["-s", "WINCH", &child]).status();
                assert!(sent.unwrap().success());
            }
        });
        let keys = panic::catch_unwind(|| {
            for _ in 0..100 {
                terminal.keys(&["?"]);
                terminal.wait_for(|screen| screen.contains("Help"));
                terminal.keys(&["?"]);
                terminal.wait_for(|screen| !screen.contains("Help"));
            }
        });
        over.store(true, Ordering::Relaxed);
        resizing.join().unwrap();
        if let Err(panicked) = keys {
            panic::resume_unwind(panicked);
        }
    });
    terminal.keys(&["q"]);
    terminal.assert_as_before(0);
}

/// Also if the signal that says so is ignored: it would read from the terminal for ever.
#[test]
fn it_ends_when_the_terminal_is_gone() {
    let terminal = Terminal::open(100, 24);
    terminal.start(&format!(
        "sh -c 'trap \"\" HUP; exec {} top 0.02 --from x.rec'",
        env!("CARGO_BIN_EXE_exitstat")
    ));
    terminal.wait_for(|screen| screen.contains(END));
    let process = format!("/proc/{}", terminal.child());
    assert!(Path::new(&process).join("exe").exists(), "{process}");
    terminal.tmux(&["kill-session"]);
    for _ in 0..600 {
        if !Path::new(&process).join("exe").exists() {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("{process} goes on");
}

#[test]
fn ctrl_c_is_a_key_that_quits() {
    let terminal = Terminal::open(100, 24);
    terminal.start_top();
    terminal.wait_for(|screen| screen.contains(END));
    terminal.keys(&["C-c"]);
    terminal.assert_as_before(0);
}

#[test]
fn a_panic_leaves_the_terminal_as_it_was() {
    let terminal = Terminal::open(100, 24);
    let this = env::current_exe().unwrap();
    terminal.start(&format!(
        "{} --ignored --exact panics --nocapture",
        this.display()
    ));
    terminal.assert_as_before(101);
    let screen = terminal.screen();
    assert!(
        screen.contains("said on the terminal as it was"),
        "{screen}"
    );
    assert!(!screen.contains("on the full screen"), "{screen}");
}

/// What the test above runs in a terminal.
#[test]
#[ignore = "needs a terminal, and panics"]
fn panics() {
    let mut screen = Screen::open().unwrap();
    screen
        .draw(|frame| frame.render_widget("on the full screen", frame.area()))
        .unwrap();
    panic!("said on the terminal as it was");
}

#[test]
fn without_a_terminal_it_says_what_else_there_is() {
    let output = Command::new(env!("CARGO_BIN_EXE_exitstat"))
        .arg("top")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("needs a terminal") && said.contains("exitstat 1"),
        "{said}"
    );
}
