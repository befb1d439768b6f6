// SPDX-License-Identifier: GPL-2.0

//! The lab: builds the kernel, the module and images, and runs L1 with L2 inside it.
//!
//! It is a library so that `rust/fuzz` can give the parsers in [`report`] and [`suite`] input that no kernel
//! would write. The command is in [`cli`].

mod artifacts;
mod bench;
pub mod cli;
mod command;
mod debian;
mod demo;
pub mod flavour;
pub mod host;
mod image;
mod kernel;
mod l0;
mod module;
mod record;
pub mod report;
mod run;
mod selftests;
mod source;
pub mod stock;
mod study;
pub mod suite;
mod workspace;
