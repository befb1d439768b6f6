// SPDX-License-Identifier: GPL-2.0

//! Counting with BPF: while this process runs, even if KVM's modules are reloaded, or with pinned programs.

use crate::cli::LiveArgs;
use exitstat_bpf::{Counter, Error, Options};

/// BPF programs that count.
#[derive(Debug)]
pub struct Bpf {
    options: Options,
    counter: Counter,
    found: bool,
}

impl Bpf {
    /// Opens the pinned programs, or loads the programs, which then begin counting.
    ///
    /// # Errors
    ///
    /// BPF cannot count here.
    pub fn attach(args: &LiveArgs) -> Result<Self, Error> {
        let options = Options {
            counts_only: args.counts,
            off_cpu: args.off_cpu,
            vcpus: args.max_vcpus,
        };
        if let Some(counter) = Counter::pinned()? {
            let asked = args.counts || args.off_cpu || args.pin;
            if asked && !counter.counts(&options) {
                return Err(Error::Pinned);
            }
            return Ok(Self {
                options,
                counter,
                found: true,
            });
        }
        let mut counter = Counter::attach(options)?;
        if args.pin {
            counter.pin()?;
            crate::say!("exitstat: BPF keeps counting after exitstat ends, until `exitstat unpin`");
        }
        Ok(Self {
            options,
            counter,
            found: false,
        })
    }

    /// Returns whether the programs counted before this process began.
    #[must_use]
    pub fn was_found(&self) -> bool {
        self.found
    }

    /// Returns a snapshot of one VM's vCPUs, or of all counters.
    ///
    /// # Errors
    ///
    /// The counters cannot be read.
    pub fn snapshot(&mut self, vm: Option<u64>) -> Result<&[u8], Error> {
        if self.counter.is_unpinned() {
            return Err(Error::Unpinned);
        }
        if self.counter.is_outdated() {
            // The loaded kvm_intel has other structures than those that the programs read.
            if self.counter.is_pinned() {
                return Err(Error::PinnedOutdated);
            }
            self.counter = Counter::attach(self.options)?;
        }
        self.counter.snapshot(vm)
    }
}
