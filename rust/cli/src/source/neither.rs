// SPDX-License-Identifier: GPL-2.0

//! The error if neither the module nor BPF can count.

use super::device;
use exitstat_bpf::Need;
use std::{fmt, path::Path};

/// Errors of both, and the requirements of BPF.
#[derive(Debug, thiserror::Error)]
pub struct Neither {
    device: Option<device::Error>,
    bpf: exitstat_bpf::Error,
    needs: Vec<Need>,
}

impl Neither {
    pub(super) fn new(device: Option<device::Error>, bpf: exitstat_bpf::Error) -> Self {
        Self {
            device,
            bpf,
            needs: exitstat_bpf::needs(Path::new("/")),
        }
    }

    /// Returns whether the only problem is that KVM is not loaded.
    #[must_use]
    pub fn is_want_of_kvm(&self) -> bool {
        use exitstat_bpf::Error as Bpf;
        matches!(self.bpf, Bpf::NoKvm | Bpf::NoVendorModule)
    }
}

impl fmt::Display for Neither {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "BPF cannot count here: {}", self.bpf)?;
        writeln!(f, "BPF's requirements:")?;
        for need in &self.needs {
            writeln!(f, "  {need}")?;
        }
        match &self.device {
            None => write!(
                f,
                "The module was not tried, because the options select BPF."
            ),
            Some(device) => write!(f, "The module cannot count either: {device}"),
        }
    }
}
