// SPDX-License-Identifier: GPL-2.0

//! The module's own code for recording and reading, in a process, so that it can be measured on the
//! machine's processor.
//!
//! `module` contains the files of `src/`, among them the callback that KVM calls for each exit, and
//! the writer of snapshots. Instead of a kernel they use `shim`, which replaces KVM's shim and the
//! module's C object, and `stub`, which replaces the parts of the kernel crate that they need.
//!
//! [`host`] has CPUs and vCPUs, [`load`] the exits they take, [`recorder`] the methods to record
//! them, [`whole_exit`] those to take them from begin to end, and [`threads`] does so on several
//! CPUs concurrently. [`cases`] are the hosts to read, and [`clock`] is used for all measurements.

// The module's files use this name for the crate.
extern crate self as kernel;

pub mod cases;
pub mod clock;
pub mod host;
pub mod load;
mod module;
pub mod recorder;
mod shim;
mod stub;
pub mod threads;
pub mod whole_exit;

#[doc(hidden)]
pub use stub::{error, ffi, prelude, str};
