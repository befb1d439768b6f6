// SPDX-License-Identifier: GPL-2.0

//! Known identities of VMs.

use super::identity::Identity;
use crate::model::Counts;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Number and process of a VM. Numbers start over when the module is reloaded; the process then tells VMs
/// apart.
pub type Key = (u64, u32);

/// Returns the VMs that have counters.
#[must_use]
pub fn keys(counts: &Counts) -> BTreeSet<Key> {
    let vcpus = counts.vcpus.iter();
    vcpus.map(|(&(vm, _), vcpu)| (vm, vcpu.pid)).collect()
}

/// Identity of a VM in a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Entry {
    /// Number of the VM.
    pub vm: u64,
    /// Process of the VM.
    pub pid: u32,
    /// Its identity.
    #[serde(flatten)]
    pub identity: Identity,
}

/// Identities by VM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known(BTreeMap<Key, Arc<Identity>>);

impl Known {
    /// Adds an identity, or replaces that of the same VM. An empty identity removes it.
    pub fn add(&mut self, entry: Entry) {
        let key = (entry.vm, entry.pid);
        match entry.identity.is_empty() {
            true => self.0.remove(&key),
            false => self.0.insert(key, Arc::new(entry.identity)),
        };
    }

    /// Removes the VMs for which `keep` returns false.
    pub fn retain(&mut self, keep: impl Fn(Key) -> bool) {
        self.0.retain(|key, _| keep(*key));
    }

    /// Returns the identity of a VM.
    #[must_use]
    pub fn get(&self, key: Key) -> Option<&Identity> {
        self.0.get(&key).map(Arc::as_ref)
    }

    /// Returns the identities of all VMs, as a recording has them.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let entry = |(&(vm, pid), identity): (&Key, &Arc<Identity>)| Entry {
            vm,
            pid,
            identity: Identity::clone(identity),
        };
        self.0.iter().map(entry).collect()
    }

    /// Assigns each vCPU the identity of its VM.
    pub fn name(&self, counts: &mut Counts) {
        if self.0.is_empty() {
            return;
        }
        for (&(vm, _), vcpu) in &mut counts.vcpus {
            vcpu.identity = self.0.get(&(vm, vcpu.pid)).cloned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::Vcpu, vm::text::Text};

    #[test]
    fn another_process_is_another_vm() {
        let entry = |vm, pid, name: &str| Entry {
            vm,
            pid,
            identity: Identity {
                name: Text::new(name.as_bytes()),
                ..Identity::default()
            },
        };
        let mut known = Known::default();
        known.add(entry(1, 70, "web"));
        known.add(entry(2, 80, "db"));
        let mut counts = Counts::default();
        for (vm, pid) in [(1, 70), (2, 81)] {
            let vcpu = Vcpu {
                pid,
                ..Vcpu::default()
            };
            counts.vcpus.insert((vm, 0), vcpu);
        }
        known.name(&mut counts);
        let name = |vm| counts.identity(vm).and_then(Identity::name);
        assert_eq!(name(1).as_deref(), Some("web"));
        assert_eq!(name(2), None);
        known.add(entry(1, 70, ""));
        known.retain(|(_, pid)| pid != 80);
        assert_eq!(known, Known::default());
    }
}
