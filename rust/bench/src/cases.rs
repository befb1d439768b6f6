// SPDX-License-Identifier: GPL-2.0

//! Cases for reading: hosts whose vCPUs have all taken exits for twenty reasons.

use crate::{host::Host, load::Load, recorder::Record};

/// A host with exits on all its CPUs.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Its name in the results.
    pub name: &'static str,
    /// Number of CPUs.
    pub cpus: u32,
    /// Number of vCPUs, all of one VM.
    pub vcpus: u32,
}

const fn case(name: &'static str, cpus: u32, vcpus: u32) -> Case {
    Case { name, cpus, vcpus }
}

/// One CPU per vCPU; and a host with 640 CPUs, on all of which a VM with 32 vCPUs has run.
pub const CASES: [Case; 5] = [
    case("1", 1, 1),
    case("8", 8, 8),
    case("64", 64, 64),
    case("512", 512, 512),
    case("32_vcpus_640_cpus", 640, 32),
];

impl Case {
    /// Creates the host. The vCPUs take turns on its CPUs, and each CPU sees exits for all reasons.
    #[must_use]
    pub fn host(&self) -> Host {
        let host = Host::new(self.cpus, self.vcpus);
        let load = Load::default();
        for cpu in 0..self.cpus {
            let recorder = host.recorder(cpu % self.vcpus);
            recorder.record(&host.cpu(cpu), &load, Load::EXITS);
        }
        host
    }
}
