// SPDX-License-Identifier: GPL-2.0

//! Prometheus's text format 0.0.4, the predecessor of OpenMetrics.

/// Converts OpenMetrics. In the older format, HELP and TYPE of a counter have its full name, and UNIT and
/// EOF do not exist.
pub fn from_openmetrics(openmetrics: &str) -> String {
    let counter = |metric: &str| {
        let line = format!("\n# TYPE {metric} counter\n");
        openmetrics.contains(&line)
    };
    let mut text = String::with_capacity(openmetrics.len());
    for line in openmetrics.lines() {
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["#", what @ ("HELP" | "TYPE"), metric, rest @ ..] if counter(metric) => {
                text.push_str(&format!("# {what} {metric}_total {}", rest.join(" ")));
            }
            ["#", "UNIT" | "EOF", ..] => continue,
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    text
}
