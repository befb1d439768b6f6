// SPDX-License-Identifier: GPL-2.0

//! Counters of the running kernel, from the module or from BPF programs.

use super::{
    bpf::Bpf,
    device::{self, Device},
    neither::Neither,
};
use crate::{
    cli::{LiveArgs, SourceKind},
    error::Error,
    model::Sample,
    vm::{
        known::{keys, Entry},
        process::Watch,
    },
};
use exitstat_core::snapshot::{Owner, Snapshot};
use std::{collections::BTreeSet, path::Path};

/// Source of the counters.
#[derive(Debug)]
enum Counter {
    /// The module.
    Device(Device),
    /// BPF programs loaded by this process or pinned.
    Bpf(Box<Bpf>),
}

/// Counters of the running kernel.
#[derive(Debug)]
pub struct Live {
    counter: Counter,
    watch: Watch,
}

impl Live {
    /// Opens the requested source, or the module if it is available and BPF otherwise.
    ///
    /// # Errors
    ///
    /// No source can count here.
    pub fn open(args: &LiveArgs) -> Result<Self, Error> {
        let root = Path::new("/");
        let bpf = |device| match Bpf::attach(args) {
            Ok(bpf) => Ok(Counter::Bpf(Box::new(bpf))),
            Err(error) if error.is_of_pins() => Err(error.into()),
            Err(bpf) => Err(Error::from(Neither::new(device, bpf))),
        };
        let counter = match args.wanted().map_err(Error::Usage)? {
            Some(SourceKind::Device) => Counter::Device(Device::new(root)?),
            Some(SourceKind::Bpf) => bpf(None)?,
            None => match Device::new(root) {
                Ok(device) => Counter::Device(device),
                Err(error) if error.is_absence() => bpf(Some(error))?,
                Err(error) => return Err(error.into()),
            },
        };
        Ok(Self {
            counter,
            watch: Watch::new(root),
        })
    }

    /// Returns whether counting began with this process.
    #[must_use]
    pub fn begins_now(&self) -> bool {
        matches!(&self.counter, Counter::Bpf(bpf) if !bpf.was_found())
    }

    /// Requests details in all further snapshots. BPF has none.
    pub fn ask_for_details(&mut self) {
        if let Counter::Device(device) = &mut self.counter {
            device.ask_for_details();
        }
    }

    /// Takes a snapshot of one VM's vCPUs, or of all counters.
    ///
    /// # Errors
    ///
    /// The counters cannot be read.
    pub fn snapshot(&mut self, vm: Option<u64>) -> Result<&[u8], Error> {
        Ok(match &mut self.counter {
            Counter::Device(device) => device.snapshot(vm)?,
            Counter::Bpf(bpf) => bpf.snapshot(vm)?,
        })
    }

    /// Returns the identities of VMs in a snapshot that are new or changed.
    ///
    /// # Errors
    ///
    /// The snapshot is malformed, or has another version.
    pub fn look(&mut self, snapshot: &[u8]) -> Result<Vec<Entry>, Error> {
        let snapshot = Snapshot::parse(snapshot).map_err(device::Error::Snapshot)?;
        let mut vms = BTreeSet::new();
        for record in snapshot.records() {
            if let Owner::Vcpu(head) = record.map_err(device::Error::Snapshot)?.owner {
                vms.insert((head.vm, head.pid));
            }
        }
        Ok(self.watch.look(snapshot.header.load, &vms))
    }

    /// Takes a sample.
    ///
    /// # Errors
    ///
    /// See [`Self::snapshot`]. Also fails if the kernel's snapshot is malformed or has another version.
    pub fn sample(&mut self, vm: Option<u64>) -> Result<Sample, Error> {
        let bytes = self.snapshot(vm)?;
        let mut sample = Sample::parse(bytes).map_err(device::Error::Snapshot)?;
        self.watch.look(sample.header.load, &keys(&sample.counts));
        self.watch.known().name(&mut sample.counts);
        Ok(sample)
    }
}
