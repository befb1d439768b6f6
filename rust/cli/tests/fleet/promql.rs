// SPDX-License-Identifier: GPL-2.0

//! Queries without the passing of time.
//!
//! The value of a rate depends on when Prometheus scraped. Everything else about a query does not: which series
//! it adds, joins, divides and excludes. So each recorded series is replaced by its rule's expression, and each
//! rate of a counter by the counter.

use std::collections::BTreeMap;

/// Functions of a series over time.
const OVER_TIME: [&str; 3] = ["rate", "increase", "avg_over_time"];

/// Returns the query for current counters, or, if `past`, for those of a week ago. `rules` has the names and
/// expressions of the recording rules.
pub fn timeless(query: &str, rules: &BTreeMap<String, String>, past: bool) -> String {
    let mut out = String::new();
    let mut rest = query;
    while let Some(first) = rest.chars().next() {
        if first == '"' {
            let (string, after) = rest.split_at(rest[1..].find('"').unwrap() + 2);
            out.push_str(string);
            rest = after;
            continue;
        }
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        if end == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (word, after) = rest.split_at(end);
        rest = after;
        if OVER_TIME.contains(&word) && rest.starts_with('(') {
            let (call, after) = rest.split_at(closing(rest) + 1);
            let inside = &call[1..call.len() - 1];
            let (series, range) = inside.rsplit_once('[').unwrap();
            let past = past || range.ends_with("offset 1w");
            out.push_str(&timeless(series, rules, past));
            rest = after;
        } else if word.starts_with("exitstat_") || rules.contains_key(word) {
            let labels = if rest.starts_with('{') {
                closing(rest) + 1
            } else {
                0
            };
            let (labels, after) = rest.split_at(labels);
            rest = after;
            match rules.get(word) {
                // The labels only mean "any".
                Some(rule) if labels.is_empty() || labels == r#"{instance=~".*"}"# => {
                    out.push_str(&format!("({})", timeless(rule, rules, past)));
                }
                Some(_) => panic!("{word}{labels}"),
                None => {
                    out.push_str(word);
                    out.push_str(labels);
                    out.push_str(if past { " offset 1w" } else { "" });
                }
            }
        } else {
            out.push_str(word);
        }
    }
    out
}

/// Returns the offset of the bracket that closes the text's first one.
fn closing(text: &str) -> usize {
    let mut depth = 0;
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '(' | '{' if !quoted => depth += 1,
            ')' | '}' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    panic!("not closed: {text}");
}
