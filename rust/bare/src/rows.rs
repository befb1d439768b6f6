// SPDX-License-Identifier: GPL-2.0

//! The module's counters in debugfs.

use anyhow::{bail, Context, Result};
use exitstat_core::tally::Tally;
use std::{collections::BTreeMap, fs, path::Path, process};

/// A row of `vcpus`.
#[derive(Clone, Copy, Debug)]
pub struct Vcpu {
    pub vm: u64,
    pub id: u64,
    pub exits: Tally,
    /// Exits that userspace finished, and their time there.
    pub user: Tally,
}

/// Reads one of the module's files.
pub fn read(name: &str) -> Result<String> {
    let path = Path::new("/sys/kernel/debug/kvm_exitstat").join(name);
    fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// Returns this process's vCPUs that have counters, by VM, in the order in which they got them.
pub fn own_vcpus() -> Result<Vec<Vcpu>> {
    let mut own = Vec::new();
    for line in read("vcpus")?.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        // Columns: VM, vCPU, process ID, exits, cycles, user exits, user cycles, process.
        let [vm, id, pid, exits, cycles, user_exits, user_cycles, ..] = words[..] else {
            continue;
        };
        if pid.parse() == Ok(process::id()) {
            own.push(Vcpu {
                vm: vm.parse()?,
                id: id.parse()?,
                exits: tally(exits, cycles)?,
                user: tally(user_exits, user_cycles)?,
            });
        }
    }
    own.sort_by_key(|row| row.vm);
    Ok(own)
}

/// A row of `reasons`.
#[derive(Clone, Copy, Debug)]
pub struct Reason {
    pub exits: Tally,
    /// Exits that userspace finished, and their time there.
    pub user: Tally,
}

/// Returns a vCPU's counters by reason.
pub fn reasons(vcpu: &Vcpu) -> Result<BTreeMap<u32, Reason>> {
    let owner = format!("{} {} ", vcpu.vm, vcpu.id);
    let text = read("reasons")?;
    let rows = text.lines().filter_map(|line| line.strip_prefix(&owner));
    rows.map(|row| {
        let words: Vec<&str> = row.split_whitespace().collect();
        // Columns: number, name, exits, cycles, longest, user exits, user cycles, histogram.
        let [number, _, exits, cycles, _, user_exits, user_cycles, ..] = words[..] else {
            bail!("a row of reasons is too short: {row}");
        };
        let reason = Reason {
            exits: tally(exits, cycles)?,
            user: tally(user_exits, user_cycles)?,
        };
        Ok((number.parse()?, reason))
    })
    .collect()
}

/// Returns a vCPU's exits by reason.
pub fn exits(vcpu: &Vcpu) -> Result<BTreeMap<u32, u64>> {
    let reasons = reasons(vcpu)?.into_iter();
    Ok(reasons
        .map(|(number, row)| (number, row.exits.exits))
        .collect())
}

fn tally(exits: &str, cycles: &str) -> Result<Tally> {
    Ok(Tally {
        exits: exits.parse()?,
        cycles: cycles.parse()?,
    })
}
