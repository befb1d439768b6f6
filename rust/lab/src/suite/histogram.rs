// SPDX-License-Identifier: GPL-2.0

//! Histograms of tracepoints (`hist:keys=…`), as tracefs prints them.

use std::collections::BTreeMap;

/// Returns the rows that have exactly these fields, with their hit counts. Rows of other histograms of the same
/// tracepoint are skipped.
pub fn rows<const N: usize>(text: &str, fields: [&str; N]) -> Result<Vec<([u64; N], u64)>, String> {
    let mut rows = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(dropped) = line.strip_prefix("Dropped:") {
            if dropped.trim() != "0" {
                return Err(format!("the histogram lost events: {line}"));
            }
        }
        let Some((keys, hits)) = line.strip_prefix('{').and_then(|row| row.split_once('}')) else {
            continue;
        };
        let keys = keys.split(',').filter_map(|key| key.split_once(':'));
        let found: Vec<_> = keys
            .map(|(name, value)| (name.trim(), value.trim()))
            .collect();
        if !found.iter().map(|(name, _)| *name).eq(fields) {
            continue;
        }
        let bad = || format!("not a row of a histogram: {line:?}");
        let mut values = [0; N];
        for (to, (_, value)) in values.iter_mut().zip(found) {
            *to = number(value).ok_or_else(bad)?;
        }
        let hits = hits.trim().strip_prefix("hitcount:").ok_or_else(bad)?;
        rows.push((values, number(hits.trim()).ok_or_else(bad)?));
    }
    if !text.contains("Dropped: 0") {
        return Err(format!("not a histogram: {text:?}"));
    }
    Ok(rows)
}

/// Parses a number in decimal, possibly negative, or in hexadecimal.
fn number(text: &str) -> Option<u64> {
    match (text.strip_prefix("0x"), text.strip_prefix('-')) {
        (Some(digits), _) => u64::from_str_radix(digits, 16).ok(),
        (_, Some(digits)) => digits.parse().ok().map(u64::wrapping_neg),
        _ => text.parse().ok(),
    }
}

/// Returns hits by basic exit reason, from a histogram with this single key.
pub fn by_reason(text: &str, key: &str) -> Result<BTreeMap<u32, u64>, String> {
    let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
    let rows = rows(text, [key])?;
    for &([reason], hits) in &rows {
        // The keys are the full 32-bit VMCS field.
        let count = counts.entry((reason & 0xffff) as u32).or_default();
        *count = count
            .checked_add(hits)
            .ok_or_else(|| format!("too many: {reason}"))?;
    }
    let of_key = |line: &&str| line.trim().starts_with(&format!("{{ {key}:"));
    if counts.is_empty() || text.lines().filter(of_key).count() != rows.len() {
        return Err(format!("not a histogram with anything in it: {text:?}"));
    }
    Ok(counts)
}
