// SPDX-License-Identifier: GPL-2.0

//! What exits are about, as the module captured it, against histograms of KVM's tracepoints: key by key.

use super::check::Check;
use crate::report::Report;
use exitstat_core::key::{has_keys, has_subleaves, REGION};
use std::collections::{BTreeMap, BTreeSet};

/// Exits by reason and something.
type ByKey = BTreeMap<(u32, u64), u64>;

/// A row of the module's `details`, or the sum of some.
struct Captured {
    reason: u32,
    key: u64,
    ip: u64,
    exits: u64,
    cycles: u64,
    user_exits: u64,
    user_cycles: u64,
}

fn parse(text: &str) -> Result<Vec<Captured>, String> {
    let row = |line: &str| -> Option<Captured> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, _, reason, _, key, ip, _, exits, cycles, _, user_exits, user_cycles] = words[..]
        else {
            return None;
        };
        Some(Captured {
            reason: reason.parse().ok()?,
            key: u64::from_str_radix(key, 16).ok()?,
            ip: u64::from_str_radix(ip, 16).ok()?,
            exits: exits.parse().ok()?,
            cycles: cycles.parse().ok()?,
            user_exits: user_exits.parse().ok()?,
            user_cycles: user_cycles.parse().ok()?,
        })
    };
    let rows = text.lines();
    rows.map(|line| row(line).ok_or_else(|| format!("not a row of details: {line:?}")))
        .collect()
}

/// The rows of a tracepoint's histograms that have exactly these fields, with how often they were hit.
fn histogram<const N: usize>(
    text: &str,
    fields: [&str; N],
) -> Result<Vec<([u64; N], u64)>, String> {
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
        let mut found = Vec::new();
        for (name, value) in keys.split(',').filter_map(|key| key.split_once(':')) {
            found.push((name.trim(), value.trim()));
        }
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
        return Err(format!("no histogram: {text:?}"));
    }
    Ok(rows)
}

/// In decimal, maybe negative, or in hexadecimal.
fn number(text: &str) -> Option<u64> {
    match (text.strip_prefix("0x"), text.strip_prefix('-')) {
        (Some(digits), _) => u64::from_str_radix(digits, 16).ok(),
        (_, Some(digits)) => digits.parse().ok().map(u64::wrapping_neg),
        _ => text.parse().ok(),
    }
}

fn add(to: &mut ByKey, key: (u32, u64), more: u64) {
    *to.entry(key).or_default() += more;
}

/// What the tracepoints say by reason and key, of the reasons that they say it of.
fn traced_keys(section: &dyn Fn(&str) -> String) -> Result<ByKey, String> {
    let mut traced = ByKey::new();
    let exits = histogram(&section("kvm_exit"), ["exit_reason", "info1", "intr_info"])?;
    for ([reason, qualification, interruption], hits) in exits {
        let reason = reason as u32 & 0xffff;
        let key = match reason {
            0 => interruption & 0x7ff,
            1 => interruption & 0xff,
            14 => qualification & !0xfff,
            28 => qualification & 0x3f,
            29 => qualification & 0x17,
            30 => qualification & 0xffff_001f,
            45 => qualification & 0xff,
            56 => qualification & 0xfff,
            _ => continue,
        };
        add(&mut traced, (reason, key), hits);
    }
    for ([write, msr], hits) in histogram(&section("kvm_msr"), ["write", "ecx"])? {
        add(&mut traced, (31 + write as u32, msr), hits);
    }
    for ([leaf, subleaf], hits) in histogram(&section("kvm_cpuid"), ["function", "index"])? {
        let subleaf = if has_subleaves(leaf as u32) {
            subleaf
        } else {
            0
        };
        add(&mut traced, (10, leaf | subleaf << 32), hits);
    }
    for ([number], hits) in histogram(&section("kvm_hypercall"), ["nr"])? {
        add(&mut traced, (18, number), hits);
    }
    let faults = histogram(&section("kvm_page_fault"), ["fault_address", "error_code"])?;
    for ([address, error], hits) in faults {
        add(&mut traced, (48, address & !(REGION - 1) | error & 7), hits);
    }
    for ([kind, gpa], hits) in histogram(&section("kvm_mmio"), ["type", "gpa"])? {
        // Not of a read that userspace has yet to answer: it is traced once more then.
        if kind != MMIO_READ_UNSATISFIED {
            add(&mut traced, (49, gpa), hits);
        }
    }
    for ([gpa], hits) in histogram(&section("kvm_fast_mmio"), ["gpa"])? {
        add(&mut traced, (49, gpa), hits);
    }
    Ok(traced)
}

const MMIO_READ_UNSATISFIED: u64 = 0;

/// No tracepoint says what exits for these reasons are about: APIC accesses, VMREAD, VMWRITE, XSETBV.
const UNTRACED: [u32; 4] = [44, 23, 25, 55];

/// What is traced without an exit of that reason, so that more is traced than was captured.
///
/// CPUID of leaf 0: KVM's emulator asks for the vendor. A device's registers: the first access to a page is an EPT
/// violation, so that those of a region and the misconfigurations in it are what is traced of devices in it.
fn explained(key: (u32, u64), captured: u64, traced: u64, all: &ByKey, all_traced: &ByKey) -> bool {
    match key {
        (10, 0) => captured < traced,
        (49, gpa) => {
            let region = gpa & !(REGION - 1);
            let here = |&(reason, key): &(u32, u64)| reason == 49 && key & !(REGION - 1) == region;
            let sum = |map: &ByKey| -> u64 {
                map.iter()
                    .filter(|(key, _)| here(key))
                    .map(|(_, n)| n)
                    .sum()
            };
            let violations: u64 = (0..8)
                .filter_map(|access| all.get(&(48, region | access)))
                .sum();
            captured < traced && sum(all) + violations == sum(all_traced)
        }
        _ => false,
    }
}

/// The key as the tracepoint has it.
fn traceable(row: &Captured) -> (u32, u64) {
    let key = match row.reason {
        0 => row.key & 0x7ff,
        _ => row.key,
    };
    (row.reason, key)
}

fn differences(captured: &ByKey, traced: &ByKey) -> Vec<String> {
    let keys: BTreeSet<_> = captured.keys().chain(traced.keys()).collect();
    let of = |map: &ByKey, key| map.get(key).copied().unwrap_or(0);
    keys.into_iter()
        .filter(|key| !UNTRACED.contains(&key.0))
        .map(|key| (key, of(captured, key), of(traced, key)))
        .filter(|&(key, mine, theirs)| {
            mine != theirs && !explained(*key, mine, theirs, captured, traced)
        })
        .map(|(key, mine, theirs)| {
            format!(
                "reason {} key {:#x}: {mine} captured, {theirs} traced",
                key.0, key.1
            )
        })
        .collect()
}

/// How many exits of each reason there were, and what they took.
fn counted(totals: &str) -> BTreeMap<u32, (u64, u64)> {
    let rows = totals.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [reason, _, exits, cycles] = words[..] else {
            return None;
        };
        Some((
            reason.parse().ok()?,
            (exits.parse().ok()?, cycles.parse().ok()?),
        ))
    });
    rows.collect()
}

fn compare(section: &dyn Fn(&str) -> String) -> Result<String, String> {
    let rows = parse(&section("captured"))?;
    let (mut keys, mut ips, mut sums) = (ByKey::new(), ByKey::new(), BTreeMap::new());
    for row in &rows {
        if has_keys(row.reason) {
            add(&mut keys, traceable(row), row.exits);
        }
        if row.ip != 0 {
            add(&mut ips, (row.reason, row.ip), row.exits);
        }
        let (exits, cycles) = sums.entry(row.reason).or_insert((0, 0));
        *exits += row.exits;
        *cycles += row.cycles;
    }
    let mut wrong = Vec::new();
    let counted = counted(&section("totals"));
    let (with_keys, with_ips) = (rows.iter().any(|row| row.key != 0), !ips.is_empty());
    let mut others = 0;
    for (&reason, &(exits, cycles)) in &counted {
        let (captured, captured_cycles) = sums.get(&reason).copied().unwrap_or_default();
        if captured > exits || captured_cycles > cycles {
            wrong.push(format!(
                "reason {reason}: {exits} exits, {captured} captured"
            ));
        }
        if with_ips || has_keys(reason) {
            others += exits.saturating_sub(captured);
        }
    }
    if rows.iter().any(|row| {
        row.exits == 0
            || row.user_exits > row.exits
            || (row.user_exits == 0 && row.user_cycles != 0)
    }) {
        wrong.push("a row is not plausible".to_owned());
    }
    if with_keys {
        wrong.extend(differences(&keys, &traced_keys(section)?));
    }
    let mut traced_ips = ByKey::new();
    for ([reason, ip], hits) in histogram(&section("kvm_exit"), ["exit_reason", "guest_rip"])? {
        add(&mut traced_ips, (reason as u32 & 0xffff, ip), hits);
    }
    // An instruction pointer of 0 is not told from none.
    traced_ips.retain(|&(_, ip), _| ip != 0);
    let (mut exact, mut less) = (0, 0);
    for (key, &exits) in &ips {
        match traced_ips.get(key) {
            Some(&traced) if traced == exits => exact += 1,
            Some(&traced) if traced > exits && others > 0 => less += 1,
            traced => wrong.push(format!(
                "reason {} at {:#x}: {exits} captured, {traced:?} traced",
                key.0, key.1
            )),
        }
    }
    if with_ips && others == 0 && ips.len() != traced_ips.len() {
        wrong.push(format!("{} of {} captured", ips.len(), traced_ips.len()));
    }
    if rows.is_empty() {
        wrong.push("nothing was captured".to_owned());
    }
    wrong.truncate(20);
    match wrong.is_empty() {
        true => Ok(format!(
            "{} exits, {} keys, all equal; {exact} instruction pointers equal, {less} with less; {others} exits in other",
            counted.values().map(|(exits, _)| exits).sum::<u64>(),
            keys.len()
        )),
        false => Err(wrong.join("; ")),
    }
}

/// One check for each time that a script called `details`.
pub fn checks(report: &Report) -> Vec<Check> {
    let names = report.all("detail ");
    let names = names.filter_map(|(name, _)| name.strip_suffix(" captured"));
    let names: Vec<_> = names.map(str::to_owned).collect();
    let check = |name: &String| {
        let section = |what: &str| {
            let section = report.get(&format!("detail {name} {what}"));
            section.unwrap_or_default().to_owned()
        };
        Check::new(
            format!("details agree with the tracepoints, {name}"),
            || compare(&section),
        )
    };
    names.iter().map(check).collect()
}
