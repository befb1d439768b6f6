// SPDX-License-Identifier: GPL-2.0

//! Commands that must succeed, with progress.

use anyhow::{bail, Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    fs::File,
    io::{BufRead, BufReader, IsTerminal, Write},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Runs a command to completion. If it fails, the error has its output.
pub fn run(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", command.get_program().to_string_lossy()))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!(
            "{} failed: {}\n{stdout}{}",
            describe(command),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(stdout)
}

fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|w| w.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Runs a long command with its output in `log`. Meanwhile shows `what` and the number of printed lines, out of
/// about `steps`, on standard error.
pub fn run_with_progress(what: &str, steps: u64, command: &Command, log: &Path) -> Result<()> {
    let started = Instant::now();
    let mut sink = File::create(log).with_context(|| log.display().to_string())?;
    // The shell sends standard output and error to one pipe, in order.
    let mut merged = Command::new("sh");
    merged
        .args(["-c", "exec \"$@\" 2>&1", "sh"])
        .arg(command.get_program());
    merged.args(command.get_args());
    merged.envs(
        command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let mut child = merged.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let output = child.stdout.take().context("a pipe was asked for")?;

    let mut progress = Progress::new(what, steps);
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        sink.write_all(&line)?;
        sink.write_all(b"\n")?;
        progress.step();
    }
    let status = child.wait()?;
    progress.end();
    if !status.success() {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(40)..].join("\n");
        bail!(
            "{what} failed: {status}; the end of {}:\n{tail}",
            log.display()
        );
    }
    eprintln!("==> {what}: done in {} s", started.elapsed().as_secs());
    Ok(())
}

/// A bar on a terminal, occasional lines elsewhere.
struct Progress {
    what: String,
    steps: u64,
    done: u64,
    bar: Option<ProgressBar>,
    said: Instant,
}

impl Progress {
    fn new(what: &str, steps: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("==> {msg} {wide_bar} {percent}% {elapsed}");
            ProgressBar::new(steps)
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
                .with_message(what.to_owned())
        });
        if bar.is_none() {
            eprintln!("==> {what}");
        }
        Self {
            what: what.to_owned(),
            steps,
            done: 0,
            bar,
            said: Instant::now(),
        }
    }

    fn step(&mut self) {
        self.done += 1;
        // `steps` is an estimate, so the bar stops just short of it.
        let shown = self.done.min(self.steps.saturating_sub(1));
        if let Some(bar) = &self.bar {
            bar.set_position(shown);
        } else if self.said.elapsed() > Duration::from_secs(20) {
            self.said = Instant::now();
            eprintln!("==> {}: {} %", self.what, 100 * shown / self.steps.max(1));
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
