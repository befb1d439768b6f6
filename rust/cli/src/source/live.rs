// SPDX-License-Identifier: GPL-2.0

//! The running kernel's counters: the module's, or those of BPF programs.

use super::{
    bpf::Bpf,
    device::{self, Device},
    neither::Neither,
};
use crate::{
    cli::{LiveArgs, SourceKind},
    error::Error,
    model::Sample,
};
use std::path::Path;

/// Who counts.
#[derive(Debug)]
pub enum Live {
    /// The module.
    Device(Device),
    /// BPF programs of this process.
    Bpf(Box<Bpf>),
}

impl Live {
    /// Who was asked for; or the module if it is there, and BPF if it is not.
    ///
    /// # Errors
    ///
    /// Nobody can count here.
    pub fn open(args: &LiveArgs) -> Result<Self, Error> {
        let root = Path::new("/");
        let bpf = |device| match Bpf::attach(args) {
            Ok(bpf) => Ok(Self::Bpf(Box::new(bpf))),
            Err(error) if error.is_of_pins() => Err(error.into()),
            Err(bpf) => Err(Error::from(Neither::new(device, bpf))),
        };
        match args.wanted().map_err(Error::Usage)? {
            Some(SourceKind::Device) => Ok(Self::Device(Device::new(root)?)),
            Some(SourceKind::Bpf) => bpf(None),
            None => match Device::new(root) {
                Ok(device) => Ok(Self::Device(device)),
                Err(error) if error.is_absence() => bpf(Some(error)),
                Err(error) => Err(error.into()),
            },
        }
    }

    /// Whether there is nothing to tell of the time before this process.
    #[must_use]
    pub fn begins_now(&self) -> bool {
        matches!(self, Self::Bpf(bpf) if !bpf.was_found())
    }

    /// Asks for details as well, from the next snapshot on. By BPF there are none.
    pub fn ask_for_details(&mut self) {
        if let Self::Device(device) = self {
            device.ask_for_details();
        }
    }

    /// Takes a snapshot: of a VM's vCPUs and nothing else, or of all there is.
    ///
    /// # Errors
    ///
    /// The counters cannot be read.
    pub fn snapshot(&mut self, vm: Option<u64>) -> Result<&[u8], Error> {
        Ok(match self {
            Self::Device(device) => device.snapshot(vm)?,
            Self::Bpf(bpf) => bpf.snapshot(vm)?,
        })
    }

    /// Takes a sample.
    ///
    /// # Errors
    ///
    /// As of [`Self::snapshot`]; or what the kernel gives is of another version.
    pub fn sample(&mut self, vm: Option<u64>) -> Result<Sample, Error> {
        let bytes = self.snapshot(vm)?;
        Ok(Sample::parse(bytes).map_err(device::Error::Snapshot)?)
    }
}
