// SPDX-License-Identifier: GPL-2.0

//! VM exits counted by BPF on KVM's tracepoints, on unmodified kernels.
//!
//! [`Counter::attach`] loads the programs of `src/program`, which count until the [`Counter`] is
//! dropped or its process ends. [`Counter::snapshot`] returns the counts in the format of the
//! module's snapshots ([`exitstat_core::snapshot`]).

mod about;
mod counter;
mod error;
mod kernel;
mod layout;
mod memory;
mod names;
mod needs;
mod pin;
mod snapshot;

pub use counter::{Counter, Options};
pub use error::Error;
pub use needs::{needs, Need};
pub use pin::unpin;
