// SPDX-License-Identifier: GPL-2.0

//! The module's own code for recording and reading, in a process, to be measured on the processor
//! that is there.
//!
//! `module` has the very files of `src/`: among them are the callback that KVM calls for each exit,
//! and what writes a snapshot. In place of a kernel they have `shim`, which is KVM's shim and the
//! module's C object, and `stub`, which is as much of the kernel crate as they ask for.
//!
//! [`host`] makes CPUs and vCPUs, [`load`] the exits that they take, [`recorder`] has the ways to
//! record them, [`whole_exit`] those to take them from begin to end, and [`threads`] does so on several CPUs
//! at once. [`cases`] are what is read, [`clock`] is what all is measured with.

// The module's files know the crate by this name.
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
