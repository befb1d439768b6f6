// SPDX-License-Identifier: GPL-2.0

//! The command `exitstat`: VM exit statistics for people and fleets.
//!
//! [`source`] gets samples from the running kernel or a recording. [`model`] has their counters, sums and
//! differences. [`commands`] compute the results, and [`output`] prints them. [`cli`] is the command line.
//!
//! This is a library for the sake of tests, and of `rust/fuzz`, which feeds the parsers input that no
//! kernel would produce.

/// Prints a line to standard error. Errors are ignored: there is nowhere to report them.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(anstream::stderr(), $($text)*);
    }};
}

pub mod cli;
pub mod commands;
pub mod complete;
pub mod counted_by;
pub mod detail;
pub mod error;
pub mod model;
pub mod output;
pub mod reason;
pub mod source;
pub mod view;
pub mod vm;
