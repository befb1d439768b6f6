// SPDX-License-Identifier: GPL-2.0

//! A snapshot in memory of its own, to be given away or formatted.
//!
//! Counters are copied while no vCPU can be attached or go, which has to be short; what takes
//! longer, or may fault, works on the copy.

use super::contents::{
    self,
    What, //
};
use kernel::prelude::*;

/// The bytes of a snapshot.
pub(crate) struct Capture {
    bytes: KVVec<u8>,
    used: usize,
}

/// Why there is no snapshot.
pub(crate) enum Failed {
    /// It would be larger than allowed: so large.
    TooLarge(usize),
    /// No memory.
    Error(Error),
}

impl Capture {
    /// Takes a snapshot of `most` bytes at most.
    pub(crate) fn take(what: What, details: bool, most: u64) -> Result<Self, Failed> {
        let mut size = contents::write(what, details, &mut []);
        loop {
            if size as u64 > most {
                return Err(Failed::TooLarge(size));
            }
            // The kernel warns of more.
            if size > i32::MAX as usize {
                return Err(Failed::Error(ENOMEM));
            }
            let bytes = KVVec::from_elem(0, size, GFP_KERNEL);
            let mut bytes = bytes.map_err(|error| Failed::Error(error.into()))?;
            let used = contents::write(what, details, &mut bytes);
            if used <= size {
                return Ok(Self { bytes, used });
            }
            // vCPUs came since it was measured.
            size = used;
        }
    }

    /// The snapshot.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }
}
