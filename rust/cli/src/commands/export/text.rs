// SPDX-License-Identifier: GPL-2.0

//! Prometheus's text format 0.0.4, which is older than OpenMetrics.

/// Converts OpenMetrics. In the older format, a counter's HELP and TYPE have its whole name, and there is
/// neither UNIT nor EOF.
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
