// SPDX-License-Identifier: GPL-2.0

//! The machine on which the figures were measured.

use exitstat_bench::threads;
use serde_json::{json, Value};
use std::fs;

fn model() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    field(&text, "model name").unwrap_or("unknown").to_owned()
}

fn field<'t>(cpuinfo: &'t str, name: &str) -> Option<&'t str> {
    let line = cpuinfo.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim())
}

/// Returns the load average of the last minute.
fn load() -> Option<f64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split(' ').next()?.parse().ok()
}

fn cpus() -> usize {
    threads::cpus().map_or(0, |cpus| cpus.len())
}

/// Returns the line for the terminal.
pub fn line() -> String {
    let load = load().map_or_else(String::new, |load| format!(", load average {load}"));
    format!("{}, CPUs: {}{load}", model(), cpus())
}

/// Returns the JSON for the results.
pub fn json() -> Value {
    json!({ "model": model(), "cpus": cpus(), "load_average": load() })
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn a_field_is_what_follows_the_colon() {
        let text = "processor\t: 0\nmodel name\t: Some CPU: a fast one\nmodel\t: 1\n";
        assert_eq!(field(text, "model name"), Some("Some CPU: a fast one"));
        assert_eq!(field(text, "bogomips"), None);
    }
}
