// SPDX-License-Identifier: GPL-2.0

//! Which VM.

use std::str::FromStr;

/// A VM's number, name or UUID. Only the VMs that are there tell which VM it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VmArg(String);

impl VmArg {
    /// As it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for VmArg {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.is_empty() {
            true => Err("expected a VM number, name or UUID"),
            false => Ok(Self(text.to_owned())),
        }
    }
}
