// SPDX-License-Identifier: GPL-2.0

//! All that a recording tells of VMs, also of those that ended in it.

use super::{Counts, Period, Sample, Scope};

/// Each vCPU as it was seen last, with its last exits, in one sample or several.
#[derive(Clone, Debug)]
pub struct Seen {
    vms: Counts,
    last: Sample,
}

impl Seen {
    /// Of a sample.
    #[must_use]
    pub fn new(sample: Sample) -> Self {
        Self {
            vms: sample.counts.clone(),
            last: sample,
        }
    }

    /// Goes on with a later one, and returns what happened in between. If the module was loaded again,
    /// numbers of VMs, and counters, began anew, and so does this.
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

    /// The last sample.
    #[must_use]
    pub fn last(&self) -> &Sample {
        &self.last
    }

    /// VMs since they began, also those that are gone.
    #[must_use]
    pub fn vms(&self) -> &Counts {
        &self.vms
    }

    /// All since the module was loaded that there is to tell of a scope.
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
