// SPDX-License-Identifier: GPL-2.0

//! The command `exitstat`: VM exit statistics for people and fleets.
//!
//! [`source`] gets samples, from the running module or from a recording; [`model`] has their
//! counters, sums and differences; [`commands`] make of them what is asked for, and [`output`] prints
//! it. [`cli`] is the command line.
//!
//! A library for the sake of tests, and of `rust/fuzz`, which gives the parsers what no kernel would
//! write.

/// Prints a line to standard error. Where it cannot go there, nobody wants to know, and work goes on.
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
