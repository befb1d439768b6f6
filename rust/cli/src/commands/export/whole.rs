// SPDX-License-Identifier: GPL-2.0

//! Omission of VMs in teardown.
//!
//! KVM destroys a VM's vCPUs one by one, and each destruction removes a vCPU from the VM's sums. A snapshot
//! in between has a VM with lower counters. Prometheus treats this as a counter reset, and reports a burst
//! of exits that never happened. A VM that has lost a vCPU therefore counts as ended.

use crate::model::Sample;
use std::collections::BTreeMap;

/// Number of vCPUs by VM.
#[derive(Debug, Default)]
pub struct Whole {
    load: u64,
    vcpus: BTreeMap<u64, usize>,
}

impl Whole {
    /// Removes VMs in teardown from a sample.
    pub fn only(&mut self, sample: &mut Sample) {
        // VM numbers may be reused after a reload.
        if self.load != sample.header.load {
            self.load = sample.header.load;
            self.vcpus.clear();
        }
        let mut now = BTreeMap::new();
        for &(vm, _) in sample.counts.vcpus.keys() {
            *now.entry(vm).or_insert(0) += 1;
        }
        let before = &self.vcpus;
        let gone = |vm: &u64| now.get(vm) < before.get(vm);
        sample.counts.vcpus.retain(|(vm, _), _| !gone(vm));
        self.vcpus = now
            .iter()
            .map(|(&vm, &now)| (vm, now.max(before.get(&vm).copied().unwrap_or(0))))
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Counts, Vcpu};
    use exitstat_core::snapshot::Header;

    fn vms(whole: &mut Whole, load: u64, vcpus: &[(u64, u32)]) -> Vec<u64> {
        let header = Header {
            load,
            ..Header::default()
        };
        let vcpus = vcpus.iter().map(|&id| (id, Vcpu::default())).collect();
        let counts = Counts {
            vcpus,
            ..Counts::default()
        };
        let mut sample = Sample {
            header,
            counts,
            details: None,
        };
        whole.only(&mut sample);
        sample.counts.vms()
    }

    #[test]
    fn a_vm_that_loses_a_vcpu_is_gone_for_good() {
        let mut whole = Whole::default();
        assert_eq!(vms(&mut whole, 1, &[(1, 0), (1, 1), (2, 0)]), [1, 2]);
        assert_eq!(vms(&mut whole, 1, &[(1, 1), (2, 0), (2, 1)]), [2]);
        assert_eq!(vms(&mut whole, 1, &[(1, 1), (2, 0), (2, 1)]), [2]);
        assert_eq!(vms(&mut whole, 1, &[(2, 0), (2, 1), (3, 0)]), [2, 3]);
    }

    #[test]
    fn after_another_load_numbers_are_new() {
        let mut whole = Whole::default();
        assert_eq!(vms(&mut whole, 1, &[(1, 0), (1, 1)]), [1]);
        assert_eq!(vms(&mut whole, 2, &[(1, 0)]), [1]);
    }
}
