// SPDX-License-Identifier: GPL-2.0

//! A snapshot in a buffer of its own, to be handed out or formatted.
//!
//! No vCPU can attach or go while its counters are copied, so the copy must be quick. Work that
//! takes longer, or may fault, uses the copy.

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

/// Why no snapshot was taken.
pub(crate) enum Failed {
    /// The snapshot would exceed the limit; this is its size in bytes.
    TooLarge(usize),
    /// Out of memory.
    Error(Error),
}

impl Capture {
    /// Takes a snapshot of at most `most` bytes.
    pub(crate) fn take(what: What, details: bool, most: u64) -> Result<Self, Failed> {
        let mut size = contents::write(what, details, &mut []);
        loop {
            if size as u64 > most {
                return Err(Failed::TooLarge(size));
            }
            // The kernel warns about larger allocations.
            if size > i32::MAX as usize {
                return Err(Failed::Error(ENOMEM));
            }
            let bytes = KVVec::from_elem(0, size, GFP_KERNEL);
            let mut bytes = bytes.map_err(|error| Failed::Error(error.into()))?;
            let used = contents::write(what, details, &mut bytes);
            if used <= size {
                return Ok(Self { bytes, used });
            }
            // vCPUs were attached after the snapshot was measured.
            size = used;
        }
    }

    /// Returns the bytes of the snapshot.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }
}
