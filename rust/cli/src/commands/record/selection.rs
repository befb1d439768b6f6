// SPDX-License-Identifier: GPL-2.0

//! `record --vm` and `--only-command`: selection of VMs.

use super::Taken;
use crate::{
    cli::RecordArgs,
    error::Error,
    model::Sample,
    source::{device, some_vms::Retired},
    vm::{
        ancestry::Ancestry,
        known::{keys, Entry, Key, Known},
        wanted::Wanted,
    },
};
use std::{collections::BTreeSet, path::Path};

/// Selection criterion.
#[derive(Debug)]
enum Which {
    /// One VM. After its end, the next one that matches.
    Vm(Wanted),
    /// VMs of exitstat's descendants, which are the processes of COMMAND.
    Descendants(Ancestry),
}

/// The VMs to record.
#[derive(Debug)]
pub struct Selection {
    which: Which,
    /// The selected VMs of the last snapshot.
    chosen: BTreeSet<Key>,
    /// The other VMs of the last snapshot.
    others: BTreeSet<Key>,
    known: Known,
    /// Whether any VM has been recorded.
    has_recorded: bool,
    /// Whether several new VMs matched, which is reported once.
    is_ambiguous: bool,
    before: Option<Sample>,
    retired: Retired,
}

impl Selection {
    /// Creates the selection; `None` if all VMs are recorded.
    #[must_use]
    pub fn new(args: &RecordArgs) -> Option<Self> {
        let which = match &args.vm {
            Some(vm) => Which::Vm(vm.into()),
            None if args.only_command => Which::Descendants(Ancestry::new(
                Path::new("/proc").to_owned(),
                std::process::id(),
            )),
            None => return None,
        };
        Some(Self {
            which,
            chosen: BTreeSet::new(),
            others: BTreeSet::new(),
            known: Known::default(),
            has_recorded: false,
            is_ambiguous: false,
            before: None,
            retired: Retired::default(),
        })
    }

    /// Checks that the VM given by `--vm` exists.
    ///
    /// # Errors
    ///
    /// It does not exist.
    pub fn is_there(&self) -> Result<(), Error> {
        match &self.which {
            Which::Vm(wanted) if self.chosen.is_empty() => Err(wanted.not_there()),
            _ => Ok(()),
        }
    }

    /// Returns why the recording has no VM, if it has none.
    #[must_use]
    pub fn nothing(&self) -> Option<&'static str> {
        let why = match self.which {
            Which::Vm(_) => "no VM matched --vm, so nothing was recorded",
            Which::Descendants(_) => {
                "COMMAND and its child processes started no VM, so nothing was recorded \
                 (with libvirt, use --vm)"
            }
        };
        (!self.has_recorded).then_some(why)
    }

    /// Reduces a snapshot to the chosen VMs.
    ///
    /// # Errors
    ///
    /// The snapshot is damaged, or several VMs of the first snapshot match.
    pub fn reduce(&mut self, taken: &Taken) -> Result<Taken, Error> {
        let mut sample = Sample::parse(&taken.bytes).map_err(device::Error::Snapshot)?;
        taken.vms.iter().for_each(|vm| self.known.add(vm.clone()));
        self.known.name(&mut sample.counts);
        let chosen_before = numbers(&self.chosen);
        let new = self.choose(&sample)?;
        if let Some(before) = &self.before {
            self.retired.add(before, &sample, &chosen_before);
        }
        let bytes = self.retired.reduce(&taken.bytes, &numbers(&self.chosen));
        let bytes = bytes.map_err(device::Error::Snapshot)?;
        self.before = Some(sample);
        let vms = self.names(&new, taken);
        Ok(Taken { bytes, vms })
    }

    /// Selects among the new VMs of a snapshot. Returns those that are recorded from now on.
    fn choose(&mut self, sample: &Sample) -> Result<BTreeSet<Key>, Error> {
        let counts = &sample.counts;
        let mut vms = keys(counts);
        self.known.retain(|key| vms.contains(&key));
        let before = self.before.as_ref();
        let same_load = before.filter(|before| before.header.load == sample.header.load);
        // With BPF, a new VM may reuse the number of an ended one.
        let ended = same_load.map_or_else(Vec::new, |before| counts.ended_since(&before.counts));
        let again: BTreeSet<u64> = ended
            .iter()
            .filter(|id| counts.vcpus.contains_key(id))
            .map(|id| id.0)
            .collect();
        let stays = |key: &Key| same_load.is_some() && vms.contains(key) && !again.contains(&key.0);
        self.chosen.retain(stays);
        self.others.retain(stays);
        let new: BTreeSet<Key> = match &self.which {
            Which::Vm(_) if !self.chosen.is_empty() => BTreeSet::new(),
            Which::Vm(wanted) => {
                let vm = match (wanted.find(counts), before) {
                    (Ok(vm), _) => vm,
                    (Err(error), None) => return Err(error),
                    // What has been recorded must not end because somebody gives two VMs this name.
                    (Err(error), Some(_)) => {
                        if !self.is_ambiguous {
                            crate::say!("exitstat: recording none of them: {error}");
                        }
                        self.is_ambiguous = true;
                        None
                    }
                };
                vms.iter()
                    .filter(|key| Some(key.0) == vm)
                    .copied()
                    .collect()
            }
            Which::Descendants(command) => {
                let undecided = vms.iter().filter(|key| !self.chosen.contains(key));
                let undecided = undecided.filter(|key| !self.others.contains(key));
                undecided
                    .filter(|key| command.includes(key.1))
                    .copied()
                    .collect()
            }
        };
        self.has_recorded |= !new.is_empty();
        self.chosen.extend(&new);
        vms.retain(|key| !self.chosen.contains(key));
        self.others = vms;
        Ok(new)
    }

    /// Returns new identities of the selected VMs.
    fn names(&self, new: &BTreeSet<Key>, taken: &Taken) -> Vec<Entry> {
        let of = |vm: &Entry| (vm.vm, vm.pid);
        let told = taken.vms.iter().filter(|vm| self.chosen.contains(&of(vm)));
        let told: Vec<_> = told.cloned().collect();
        let untold = new
            .iter()
            .filter(|key| !told.iter().any(|vm| of(vm) == **key));
        let earlier = untold.filter_map(|&(vm, pid)| {
            let identity = self.known.get((vm, pid))?.clone();
            Some(Entry { vm, pid, identity })
        });
        earlier.chain(told.iter().cloned()).collect()
    }
}

fn numbers(vms: &BTreeSet<Key>) -> BTreeSet<u64> {
    vms.iter().map(|key| key.0).collect()
}
