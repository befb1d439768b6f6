// SPDX-License-Identifier: GPL-2.0

//! Counting by BPF: for as long as this process runs, also while KVM's modules come and go; or what was pinned.

use crate::cli::LiveArgs;
use exitstat_bpf::{Counter, Error, Options};

/// The programs.
#[derive(Debug)]
pub struct Bpf {
    options: Options,
    counter: Counter,
    found: bool,
}

impl Bpf {
    /// Takes what was pinned, or loads the programs, which count from now on.
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
            crate::say!("exitstat: BPF counts on when this has ended, until `exitstat unpin`");
        }
        Ok(Self {
            options,
            counter,
            found: false,
        })
    }

    /// Whether it counted before this process began.
    #[must_use]
    pub fn was_found(&self) -> bool {
        self.found
    }

    /// What was counted until now: of a VM's vCPUs, or all there is.
    ///
    /// # Errors
    ///
    /// The counters cannot be read.
    pub fn snapshot(&mut self, vm: Option<u64>) -> Result<&[u8], Error> {
        if self.counter.is_unpinned() {
            return Err(Error::Unpinned);
        }
        if self.counter.is_outdated() {
            // Another kvm_intel than that whose structures the programs know.
            if self.counter.is_pinned() {
                return Err(Error::PinnedOutdated);
            }
            self.counter = Counter::attach(self.options)?;
        }
        self.counter.snapshot(vm)
    }
}
