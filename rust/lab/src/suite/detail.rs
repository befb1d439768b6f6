// SPDX-License-Identifier: GPL-2.0

//! Details that the module captured, against histograms of KVM's tracepoints, key by key.

use super::{
    agreement::Totals,
    check::{self, Check},
    histogram,
};
use crate::report::Report;
use exitstat_core::{
    key::{has_keys, has_subleaves, REGION},
    tally::Tally,
};
use std::collections::{BTreeMap, BTreeSet};

/// Exits by reason and key.
type ByKey = BTreeMap<(u32, u64), u64>;

/// A row of the module's `details`, or the sum of several.
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

fn add(to: &mut ByKey, key: (u32, u64), more: u64) {
    *to.entry(key).or_default() += more;
}

/// Returns the exits by reason and key in the tracepoints' histograms, for the reasons that have them.
fn traced_keys<'a>(section: &dyn Fn(&str) -> &'a str) -> Result<ByKey, String> {
    let mut traced = ByKey::new();
    let exits = histogram::rows(section("kvm_exit"), ["exit_reason", "info1", "intr_info"])?;
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
    for ([write, msr], hits) in histogram::rows(section("kvm_msr"), ["write", "ecx"])? {
        add(&mut traced, (31 + write as u32, msr), hits);
    }
    for ([leaf, subleaf], hits) in histogram::rows(section("kvm_cpuid"), ["function", "index"])? {
        let subleaf = if has_subleaves(leaf as u32) {
            subleaf
        } else {
            0
        };
        add(&mut traced, (10, leaf | subleaf << 32), hits);
    }
    for ([number], hits) in histogram::rows(section("kvm_hypercall"), ["nr"])? {
        add(&mut traced, (18, number), hits);
    }
    let faults = histogram::rows(section("kvm_page_fault"), ["fault_address", "error_code"])?;
    for ([address, error], hits) in faults {
        add(&mut traced, (48, address & !(REGION - 1) | error & 7), hits);
    }
    for ([kind, gpa], hits) in histogram::rows(section("kvm_mmio"), ["type", "gpa"])? {
        // A read that userspace must finish is traced again when it is finished.
        if kind != MMIO_READ_UNSATISFIED {
            add(&mut traced, (49, gpa), hits);
        }
    }
    for ([gpa], hits) in histogram::rows(section("kvm_fast_mmio"), ["gpa"])? {
        add(&mut traced, (49, gpa), hits);
    }
    Ok(traced)
}

const MMIO_READ_UNSATISFIED: u64 = 0;

/// Reasons without a tracepoint for their key: APIC accesses, VMREAD, VMWRITE, XSETBV.
const UNTRACED: [u32; 4] = [44, 23, 25, 55];

/// Returns whether more was traced than captured for a reason that is known.
///
/// CPUID, leaf 0: KVM's emulator reads the vendor without an exit. Device registers: the first access to a page
/// is an EPT violation, so the violations and misconfigurations of a region together are the traced accesses.
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

/// Returns the key as the tracepoint has it.
fn traceable(row: &Captured) -> (u32, u64) {
    let key = match row.reason {
        0 => row.key & 0x7ff,
        _ => row.key,
    };
    (row.reason, key)
}

/// Returns the differences. `others` has the captured exits without a key by reason: at most as many may be
/// missing from the reason's keys.
fn differences(captured: &ByKey, traced: &ByKey, others: &BTreeMap<u32, u64>) -> Vec<String> {
    let keys: BTreeSet<_> = captured.keys().chain(traced.keys()).collect();
    let of = |map: &ByKey, key| map.get(key).copied().unwrap_or(0);
    let mut wrong = BTreeMap::<u32, (u64, Vec<String>)>::new();
    let mut explained_reasons = BTreeSet::new();
    for key in keys.into_iter().filter(|key| !UNTRACED.contains(&key.0)) {
        let (mine, theirs) = (of(captured, key), of(traced, key));
        if mine == theirs {
            continue;
        }
        if explained(*key, mine, theirs, captured, traced) {
            explained_reasons.insert(key.0);
            continue;
        }
        let (missing, texts) = wrong.entry(key.0).or_default();
        // More captured than traced is always wrong.
        *missing = missing.saturating_add(theirs.checked_sub(mine).unwrap_or(u64::MAX));
        texts.push(format!(
            "reason {} key {:#x}: {mine} captured, {theirs} traced",
            key.0, key.1
        ));
    }
    wrong.retain(|reason, (missing, _)| {
        let others = others.get(reason).copied().unwrap_or(0);
        let as_many = *missing == others || explained_reasons.contains(reason) && *missing < others;
        !as_many
    });
    wrong.into_values().flat_map(|(_, texts)| texts).collect()
}

fn compare<'a>(section: &dyn Fn(&str) -> &'a str) -> Result<String, String> {
    let rows = parse(section("captured"))?;
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
    let counted = Totals::parse(section("totals"))?.by_reason;
    let (with_keys, with_ips) = (rows.iter().any(|row| row.key != 0), !ips.is_empty());
    let mut others = BTreeMap::new();
    for (&reason, &Tally { exits, cycles }) in &counted {
        let (captured, captured_cycles) = sums.get(&reason).copied().unwrap_or_default();
        if captured > exits || captured_cycles > cycles {
            wrong.push(format!(
                "reason {reason}: {exits} exits, {captured} captured"
            ));
        }
        if with_ips || has_keys(reason) {
            others.insert(reason, exits.saturating_sub(captured));
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
        wrong.extend(differences(&keys, &traced_keys(section)?, &others));
    }
    let others: u64 = others.values().sum();
    let mut traced_ips = ByKey::new();
    for ([reason, ip], hits) in histogram::rows(section("kvm_exit"), ["exit_reason", "guest_rip"])?
    {
        add(&mut traced_ips, (reason as u32 & 0xffff, ip), hits);
    }
    // An instruction pointer of 0 cannot be distinguished from a missing one.
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
            counted.values().map(|tally| tally.exits).sum::<u64>(),
            keys.len()
        )),
        false => Err(wrong.join("; ")),
    }
}

/// Returns a check for each call of `details` in a script.
pub fn checks(report: &Report) -> Vec<Check> {
    check::for_each(report, "detail", "captured", |name, section| {
        Check::new(
            format!("details agree with the tracepoints, {name}"),
            || compare(section),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use exitstat_core::reason::REASONS;

    /// Sections of a guest that writes an MSR 7 times, one of which has no row, and halts.
    fn sections(what: &str, msr_exits: u64, traced: u64) -> String {
        let end = "Totals:\n    Dropped: 0\n";
        match what {
            "captured" => format!("retired - 32 MSR_WRITE 6e0 1000 0 {msr_exits} 70 20 0 0\n"),
            "totals" => {
                let lines = REASONS.iter().map(|r| match r.number {
                    32 => "32 MSR_WRITE 7 90\n".to_owned(),
                    n => format!("{n} {} 0 0\n", r.name),
                });
                lines.collect::<String>() + "undefined 0 0\nunattached 0\n"
            }
            "kvm_msr" => format!("{{ write: 1, ecx: 1760 }} hitcount: {traced}\n{end}"),
            "kvm_exit" => format!(
                "{{ exit_reason: 32, guest_rip: 4096 }} hitcount: {traced}\n{end}\
                 {{ exit_reason: 32, info1: 0, intr_info: 0 }} hitcount: {traced}\n{end}"
            ),
            _ => end.to_owned(),
        }
    }

    fn compared(msr_exits: u64, traced: u64) -> Result<String, String> {
        let sections: BTreeMap<_, _> = [
            "captured",
            "totals",
            "kvm_exit",
            "kvm_msr",
            "kvm_cpuid",
            "kvm_hypercall",
            "kvm_page_fault",
            "kvm_mmio",
            "kvm_fast_mmio",
        ]
        .into_iter()
        .map(|what| (what, sections(what, msr_exits, traced)))
        .collect();
        compare(&|what| sections[what].as_str())
    }

    #[test]
    fn equal_counts_agree_and_others_do_not() {
        // The missing exit preceded capturing, or its key had no room.
        for traced in [6, 7] {
            let seen = compared(6, traced).unwrap();
            assert!(seen.ends_with("1 exits in other"), "{seen}");
        }
        for (exits, traced) in [(5, 6), (7, 6), (8, 6), (5, 8), (6, 8)] {
            assert!(compared(exits, traced).is_err(), "{exits} {traced}");
        }
        assert!(compare(&|_| "").is_err());
    }
}
