// SPDX-License-Identifier: GPL-2.0

//! The names of VMs: who a VM is, beside its number.
//!
//! A VM's number says nothing to people. Its name is in the command line and the cgroup of its process.
//! [`command_line`] and [`cgroup`] parse these bytes, [`identity`] joins what they say, and [`process`]
//! reads them from `/proc`. [`known`] has the identities of all VMs of a sample, and [`wanted`] finds the
//! VM that `--vm` asks for. [`ancestry`] tells which VMs a command started.
//!
//! The VM's user writes the command line and may choose the cgroup's name. A name is a claim: [`text`]
//! makes it safe to print, and [`wanted`] never takes one for a number or another VM's UUID.

pub mod ancestry;
pub mod cgroup;
pub mod command_line;
pub mod identity;
pub mod known;
pub mod process;
pub mod stat;
pub mod text;
pub mod uuid;
pub mod wanted;
