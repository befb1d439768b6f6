// SPDX-License-Identifier: GPL-2.0

//! `exitstat top` in a real terminal, tmux, which is a Debian package. `top_screens.rs` tests its screens.

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

/// A terminal with a shell.
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
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let shell = format!(
            "cd {} && echo before && stty -a >before && exec sh",
            terminal.directory.path().display()
        );
        // A separate server, without anybody's settings.
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

    /// Waits until a condition holds.
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

    /// Returns a variable of tmux.
    fn state(&self, variable: &str) -> String {
        let answer = self.tmux(&["display-message", "-p", &format!("#{{{variable}}}")]);
        answer.trim().to_owned()
    }

    fn start_top(&self) {
        self.start(&format!(
            "{} top 0.02 --from x.rec",
            env!("CARGO_BIN_EXE_exitstat")
        ));
    }

    fn start(&self, command: &str) {
        self.enter(&format!(
            "{command}; echo ended with $?; stty -a >after; echo done"
        ));
    }

    /// Returns the process that the shell runs.
    fn child(&self) -> String {
        let shell = self.state("pane_pid");
        let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
        children.trim().to_owned()
    }

    /// Checks that the terminal is restored, and the exit status.
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

/// The recording has been shown to its end, so nothing changes without input.
const END: &str = "x1  END";

#[test]
fn keys_change_what_is_shown_and_q_leaves_the_terminal_as_it_was() {
    let terminal = Terminal::open(110, 30);
    terminal.start_top();
    let screen = terminal.wait_for(|screen| screen.contains(END));
    assert!(screen.contains("IO_INSTRUCTION") && screen.contains("20/20"));
    assert_eq!(terminal.state("alternate_on"), "1");

    terminal.keys(&["Down", "Down"]);
    terminal.wait_for(|screen| screen.contains("exits/s of VM 2"));
    terminal.keys(&["Home", "Enter", "s", "/", "m", "s", "r"]);
    terminal.wait_for(|screen| {
        screen.contains("by average, filter msr") && screen.contains("filter: msr_")
    });
    terminal.keys(&["Escape"]);
    terminal.wait_for(|screen| !screen.contains("filter:"));
    terminal.keys(&["c"]);
    terminal.wait_for(|screen| screen.contains("since the start"));
    terminal.keys(&["Enter"]);
    terminal.wait_for(|screen| screen.contains("was not captured"));
    terminal.keys(&["?"]);
    terminal.wait_for(|screen| screen.contains("Help"));
    // Any key closes the help and does nothing else.
    terminal.keys(&["q"]);
    terminal.wait_for(|screen| !screen.contains("Help"));
    terminal.keys(&["Left", "Left"]);
    terminal.wait_for(|screen| screen.contains("18/20  +17.0 s  x1  PAUSED"));
    terminal.keys(&["Space"]);
    terminal.wait_for(|screen| screen.contains(END));

    for (columns, rows) in [("60", "14"), ("150", "40")] {
        terminal.tmux(&["resize-window", "-x", columns, "-y", rows]);
        terminal.wait_for(|screen| {
            let lines: Vec<_> = screen.lines().collect();
            lines.len().to_string() == rows
                && lines[0].chars().count().to_string() == columns
                && lines[lines.len() - 1].starts_with("q quit")
        });
    }
    // Too small for anything, but not an error.
    terminal.tmux(&["resize-window", "-x", "3", "-y", "2"]);
    terminal.tmux(&["resize-window", "-x", "110", "-y", "30"]);
    terminal.wait_for(|screen| screen.contains("was not captured"));

    terminal.keys(&["q"]);
    terminal.assert_as_before(0);
}

#[test]
fn what_a_recording_lacks_is_reported_at_the_end() {
    let terminal = Terminal::open(100, 24);
    let file = terminal.directory.path().join("x.rec");
    let recording = fs::read(&file).unwrap();
    fs::write(&file, &recording[..recording.len() - 5]).unwrap();
    terminal.start_top();
    terminal.wait_for(|screen| screen.contains(END));
    terminal.keys(&["q"]);
    terminal.assert_as_before(5);
    let screen = terminal.screen();
    assert!(screen.contains("exitstat: x.rec: "), "{screen}");
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

/// Neither the key nor the next one is lost because of the new size.
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

/// Even if SIGHUP is ignored: otherwise it would read from the terminal forever.
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

/// Run in a terminal by the test above.
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
