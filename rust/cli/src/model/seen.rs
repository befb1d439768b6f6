// SPDX-License-Identifier: GPL-2.0

//! Everything a recording has of its VMs, including those that ended in it.

use super::{Counts, Period, Sample, Scope};

/// Each vCPU as last seen, with its last exits, over one or more samples.
#[derive(Clone, Debug)]
pub struct Seen {
    vms: Counts,
    last: Sample,
}

impl Seen {
    /// Starts with a sample.
    #[must_use]
    pub fn new(sample: Sample) -> Self {
        Self {
            vms: sample.counts.clone(),
            last: sample,
        }
    }

    /// Adds a later sample, and returns the period in between. Starts over if the module was reloaded,
    /// because VM numbers and counters did too.
    pub fn add(&mut self, sample: Sample) -> Period {
        let period = Period::between(&self.last, &sample);
        if period.reloads > 0 {
            *self = Self::new(sample);
            return period;
        }
        let vms = &mut self.vms;
        for (id, vcpu) in &period.counts.vcpus {
            if !sample.counts.vcpus.contains_key(id) {
                let seen = vms.vcpus.entry(*id).or_default();
                seen.reasons.add(&vcpu.reasons);
            }
        }
        vms.add_ended(&period.counts);
        let there = sample.counts.vcpus.iter();
        vms.vcpus
            .extend(there.map(|(id, vcpu)| (*id, vcpu.clone())));
        self.last = sample;
        period
    }

    /// Returns the last sample.
    #[must_use]
    pub fn last(&self) -> &Sample {
        &self.last
    }

    /// Returns the counters of VMs since they began, including ended VMs.
    #[must_use]
    pub fn vms(&self) -> &Counts {
        &self.vms
    }

    /// Returns everything known of a scope since the module was loaded.
    #[must_use]
    pub fn since_load(self, scope: Scope) -> Period {
        let counts = match scope {
            Scope::Host | Scope::Cpu(_) => None,
            Scope::Vm(_) | Scope::Vcpu(_) => Some(self.vms),
        };
        let mut last = self.last;
        if let Some(counts) = counts {
            last.counts = counts;
        }
        Period::since_load(last)
    }
}
