// SPDX-License-Identifier: GPL-2.0

//! Guests without an operating system, which take a known number of exits of a known kind and
//! read the leaves before and after.
//!
//! Runs in L1. Prints `guest_cycles N`, TSC cycles around all exits as the guest measures them, `least
//! N`, around the shortest of them, and
//! `exits N` and `cycles N`, the module's, of the reason in question, between the two readings.

mod guest;
mod hog;
mod vm;

use anyhow::{ensure, Context, Result};
use clap::{Parser, Subcommand};
use exitstat_core::leaf::{Answer, UNDEFINED};
use guest::Program;
use std::time::Duration;

#[derive(Parser)]
#[command(name = "bare", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// CPUID of leaf 0.
    Cpuid(Count),
    /// OUT to port 0x80, which no device claims: user space finishes each.
    Pio(Count),
    /// HLT with an interrupt pending.
    Hlt(Count),
    /// RDMSR of IA32_APIC_BASE.
    Rdmsr(Count),
    /// WRMSR of IA32_TSC_DEADLINE, which KVM handles without leaving its inner loop.
    Wrmsr(Count),
    /// Writes to pages that user space fills in, late.
    Touch {
        #[command(flatten)]
        count: Count,
        /// How late each page comes.
        #[arg(long, default_value_t = 100)]
        delay_ms: u64,
    },
    /// CPUID without end, until killed.
    Noise,
    /// No guest: a SCHED_FIFO task that takes the CPU away, again and again, until killed.
    Hog {
        #[arg(long, default_value_t = 8000)]
        busy_us: u64,
        #[arg(long, default_value_t = 10000)]
        period_us: u64,
    },
}

#[derive(clap::Args)]
struct Count {
    /// How many exits (at most 256 for touch).
    #[arg(long, default_value_t = 1000)]
    count: u64,
    /// Measure from outside only: the leaves need not be live.
    #[arg(long)]
    blind: bool,
}

fn main() -> Result<()> {
    let (program, count, delay) = match Cli::parse().command {
        Command::Cpuid(c) => (Program::Cpuid, c, 0),
        Command::Pio(c) => (Program::Pio, c, 0),
        Command::Hlt(c) => (Program::Hlt, c, 0),
        Command::Rdmsr(c) => (Program::Rdmsr, c, 0),
        Command::Wrmsr(c) => (Program::Wrmsr, c, 0),
        Command::Touch { count, delay_ms } => (Program::Touch, count, delay_ms),
        Command::Noise => {
            let count = Count {
                count: u64::MAX,
                blind: true,
            };
            (Program::Cpuid, count, 0)
        }
        Command::Hog { busy_us, period_us } => {
            return hog::run(
                Duration::from_micros(busy_us),
                Duration::from_micros(period_us),
            )
        }
    };
    let readings = vm::run(program, count.count, Duration::from_millis(delay))?;
    println!("guest_cycles {}", readings.guest_cycles);
    println!("least {}", readings.least);
    if count.blind {
        return Ok(());
    }
    ensure!(
        readings.live == UNDEFINED,
        "the leaves are not live here: asked about reason 35, CPUID said {:x?}",
        readings.live
    );
    let decode = |a: Answer| a.decode().context("a defined reason was called undefined");
    let (before, after) = (decode(readings.before)?, decode(readings.after)?);
    println!("before {}", before.exits);
    println!("exits {}", after.exits.wrapping_sub(before.exits));
    println!("cycles {}", after.cycles.wrapping_sub(before.cycles));
    Ok(())
}
