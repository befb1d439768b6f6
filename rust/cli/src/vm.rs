// SPDX-License-Identifier: GPL-2.0

//! Names and other identities of VMs.
//!
//! VM numbers mean nothing to people. A VM's name is in the command line and the cgroup of its process.
//! [`command_line`] and [`cgroup`] parse these bytes, [`identity`] joins the results, and [`process`] reads
//! them from `/proc`. [`known`] has the identities of all VMs of a sample, and [`wanted`] finds the VM
//! given by `--vm`. [`ancestry`] finds the VMs that a command started.
//!
//! The VM's user writes the command line and may choose the cgroup's name. Names are untrusted: [`text`]
//! makes them safe to print, and [`wanted`] never takes one for a number or another VM's UUID.

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
