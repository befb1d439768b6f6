// SPDX-License-Identifier: GPL-2.0

//! Counting by BPF for as long as this process runs, also while KVM's modules come and go.

use crate::cli::LiveArgs;
use exitstat_bpf::{Counter, Error, Options};

/// The programs.
#[derive(Debug)]
pub struct Bpf {
    options: Options,
    counter: Counter,
}

impl Bpf {
    /// Loads them. They count from now on.
    ///
    /// # Errors
    ///
    /// Why BPF cannot count here.
    pub fn attach(args: &LiveArgs) -> Result<Self, Error> {
        let options = Options {
            counts_only: args.counts,
            off_cpu: args.off_cpu,
            vcpus: args.max_vcpus,
        };
        Ok(Self {
            options,
            counter: Counter::attach(options)?,
        })
    }

    /// What was counted until now: of a VM's vCPUs, or all there is.
    ///
    /// # Errors
    ///
    /// The counters cannot be read.
    pub fn snapshot(&mut self, vm: Option<u64>) -> Result<Vec<u8>, Error> {
        if self.counter.is_outdated() {
            // Another kvm_intel than that whose structures the programs know.
            self.counter = Counter::attach(self.options)?;
        }
        self.counter.snapshot(vm)
    }
}
