// SPDX-License-Identifier: GPL-2.0

//! Guests without an operating system. Some take a known number of exits of a known kind and read the leaves
//! before and after. Others query anything.
//!
//! Runs in L1. A measuring guest prints `guest_cycles N`, the TSC cycles around all exits as measured by the
//! guest; `least N`, `median N` and `mean N`, the cycles around single exits; and `exits N` and `cycles N`, the
//! module's difference for the reason between the two readings.

mod device;
mod failed;
mod fault;
mod first;
mod guest;
mod hog;
mod interface;
mod late;
mod measure;
mod memory;
mod memory_fault;
mod noise;
mod pause;
mod reload;
mod rows;
mod say;
mod sweep;
mod tsc;
mod vm;
mod watch;

use anyhow::{bail, ensure, Context, Result};
use clap::{Parser, Subcommand, ValueEnum};
use exitstat_core::leaf::{Answer, UNDEFINED};
use guest::{Mode, Program};
use late::Late;
use measure::{Measure, Readings};
use std::{path::PathBuf, time::Duration};
use sweep::{By, Sweep};

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
    /// CPUID of any leaf.
    Leaf {
        #[command(flatten)]
        count: Count,
        #[arg(long, value_parser = clap_num)]
        eax: u32,
        #[arg(long, default_value = "0", value_parser = clap_num)]
        ecx: u32,
    },
    /// CPUID of one leaf after another, each of which is asked once.
    Leaves(Count),
    /// OUT to port 0x80, which no device claims: user space finishes each.
    Pio(Count),
    /// The same, and the VM is paused after each. Prints what the module has of user space's time.
    Pause {
        #[arg(long, default_value_t = 20)]
        count: u64,
        #[arg(long, default_value_t = 50)]
        pause_ms: u64,
        /// Print nothing: there need be no module.
        #[arg(long)]
        blind: bool,
    },
    /// HLT with an interrupt pending.
    Hlt(Count),
    /// RDMSR of IA32_APIC_BASE.
    Rdmsr(Count),
    /// WRMSR of IA32_TSC_DEADLINE, which KVM handles without leaving its inner loop.
    Wrmsr(Count),
    /// Writes to pages that the host has and the guest has not seen: EPT violations.
    Ept(Count),
    /// Writes to pages that user space fills in, late.
    Touch {
        #[command(flatten)]
        count: Count,
        /// How late each page comes.
        #[arg(long, default_value_t = 100)]
        delay_ms: u64,
        /// Pages come once this FIFO is written to, and not by time.
        #[arg(long)]
        gate: Option<PathBuf>,
    },
    /// Exits without end on all vCPUs, until killed; the guest watches that CPUID stays the same.
    Noise {
        #[arg(long, default_value_t = 1)]
        vcpus: u64,
        /// Be nice, up to 19: let others have the CPU when they want it.
        #[arg(long, default_value_t = 0)]
        nice: i32,
    },
    /// Watches the clock on all vCPUs, with an exit now and then, and prints the longest gap between two
    /// readings, `longest N`, and how long all vCPUs watched, `cycles N`.
    Watch {
        #[arg(long, default_value_t = 1)]
        vcpus: u64,
        /// Watch until this file is there.
        #[arg(long)]
        until: PathBuf,
    },
    /// Asks all four leaves about every class of %ecx, and compares each answer with the rule. The
    /// guest must be told its own exits, guest_scope=vm.
    Sweep {
        #[arg(long, value_enum)]
        mode: Bits,
        /// Ring to ask from.
        #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..4))]
        ring: u8,
        /// How KVM comes to execute CPUID.
        #[arg(long, value_enum, default_value_t = By::Exit)]
        by: By,
        /// Have the VMM set entries of its own for some of the leaves: they win.
        #[arg(long)]
        vmm_entries: bool,
        /// Ask everything: 0 to 65536, powers of two, 100,000 random numbers.
        #[arg(long)]
        full: bool,
    },
    /// vCPUs whose first exit asks a leaf. The guest must be told its own exits, guest_scope=vm.
    First {
        /// Have KVM emulate them instead, so that they take no exit.
        #[arg(long)]
        emulated: bool,
    },
    /// The leaf that says who answers.
    Interface {
        /// Load this module again in between: the VM has to be told.
        #[arg(long)]
        reload: Option<PathBuf>,
    },
    /// VM entries that fail outright, by the tests' module failed_entry. No other guest may run.
    Failed {
        #[arg(long, default_value_t = 50)]
        count: u64,
    },
    /// Touches pages that KVM leaves to the VMM, by KVM_EXIT_MEMORY_FAULT.
    MemoryFault {
        #[arg(long, default_value_t = 64)]
        count: u64,
        /// How late each page comes.
        #[arg(long, default_value_t = 10)]
        delay_ms: u64,
    },
    /// No guest: loads a module again and again, each time with another allocation failed.
    FailLoad {
        module: PathBuf,
        /// The module's.
        #[arg(default_value = "")]
        parameters: String,
    },
    /// Runs guests that are there before the module is loaded, each with another allocation failed
    /// after that.
    FailAttach {
        module: PathBuf,
        /// The module's.
        #[arg(default_value = "")]
        parameters: String,
    },
    /// No guest: loads and unloads the module again and again.
    Reload {
        module: PathBuf,
        #[arg(long, default_value_t = 200)]
        count: u32,
        /// Every other time, wait until so many vCPUs are attached.
        #[arg(long, default_value_t = 1)]
        vcpus: usize,
        /// Loads it with a bad parameter instead, which it refuses, for so many TSC cycles.
        #[arg(long, value_name = "CYCLES")]
        refused: Option<u64>,
    },
    /// No guest: requests to /dev/kvm_exitstat that must be refused.
    Device {
        /// Take a snapshot instead, and print its bytes and the TSC cycles it took.
        #[arg(long)]
        time: bool,
        /// Take a snapshot instead, and write it to standard output.
        #[arg(long, conflicts_with = "time")]
        dump: bool,
    },
    /// No guest: hands standard input to the lab.
    Say,
    /// No guest: a SCHED_FIFO task that takes the CPU away, again and again, until killed.
    Hog {
        #[arg(long, default_value_t = 8000)]
        busy_us: u64,
        #[arg(long, default_value_t = 10000)]
        period_us: u64,
    },
}

/// Width of the guest's code.
#[derive(Clone, Copy, ValueEnum)]
enum Bits {
    #[value(name = "64")]
    Long,
    #[value(name = "32")]
    Protected,
    #[value(name = "16")]
    Real,
}

#[derive(clap::Args)]
struct Count {
    /// How many exits (at most 256 for ept and touch).
    #[arg(long, default_value_t = 1000)]
    count: u64,
    /// Measure from outside only: the leaves need not be live.
    #[arg(long)]
    blind: bool,
    /// vCPUs of the VM; those beyond the first take one exit each, before.
    #[arg(long, default_value_t = 1)]
    vcpus: u64,
    /// So many guests, one after the other.
    #[arg(long, default_value_t = 1)]
    rounds: u32,
}

fn clap_num(text: &str) -> Result<u32> {
    Ok(match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16)?,
        None => text.parse()?,
    })
}

fn main() -> Result<()> {
    let measure = |program, count: Count, late, question| {
        let measure = Measure {
            program,
            count: count.count,
            late,
            question,
            vcpus: count.vcpus,
        };
        for _ in 0..count.rounds {
            print(measure.run()?, count.count, count.blind)?;
        }
        Ok(())
    };
    match Cli::parse().command {
        Command::Cpuid(c) => measure(Program::Cpuid, c, None, (0, 0)),
        Command::Leaf { count, eax, ecx } => measure(Program::Leaf, count, None, (eax, ecx)),
        // The leaves from here on do not exist.
        Command::Leaves(c) => measure(Program::Leaves, c, None, (0x5000_0000, 0)),
        Command::Pio(c) => measure(Program::Pio, c, None, (0, 0)),
        Command::Pause {
            count,
            pause_ms,
            blind,
        } => pause::run(count, Duration::from_millis(pause_ms), blind),
        Command::Hlt(c) => measure(Program::Hlt, c, None, (0, 0)),
        Command::Rdmsr(c) => measure(Program::Rdmsr, c, None, (0, 0)),
        Command::Wrmsr(c) => measure(Program::Wrmsr, c, None, (0, 0)),
        Command::Ept(c) => measure(Program::Touch, c, None, (0, 0)),
        Command::Touch {
            count,
            delay_ms,
            gate,
        } => {
            let by = Late::By(Duration::from_millis(delay_ms));
            let late = gate.map_or(by, Late::Until);
            measure(Program::Touch, count, Some(late), (0, 0))
        }
        Command::Noise { vcpus, nice } => noise::run(vcpus, nice),
        Command::Watch { vcpus, until } => watch::run(vcpus, &until),
        Command::Sweep {
            mode,
            ring,
            by,
            vmm_entries,
            full,
        } => {
            let mode = match mode {
                Bits::Long => Mode::Long { ring },
                Bits::Protected => Mode::Protected { ring },
                Bits::Real if ring == 0 => Mode::Real,
                Bits::Real => bail!("real mode has no rings"),
            };
            let answers = Sweep {
                mode,
                by,
                vmm_entries,
                full,
            }
            .run()?;
            println!("{answers} answers, all by the rule");
            Ok(())
        }
        Command::First { emulated: false } => first::exit(),
        Command::First { emulated: true } => first::emulated(),
        Command::Interface { reload } => interface::run(reload.as_deref()),
        Command::Failed { count } => failed::run(count),
        Command::MemoryFault { count, delay_ms } => {
            memory_fault::run(count, Duration::from_millis(delay_ms))
        }
        Command::FailLoad { module, parameters } => fault::load(&module, &parameters),
        Command::FailAttach { module, parameters } => fault::attach(&module, &parameters),
        Command::Reload {
            module,
            refused: Some(cycles),
            ..
        } => reload::refused(&module, cycles),
        Command::Reload {
            module,
            count,
            vcpus,
            ..
        } => reload::run(&module, count, vcpus),
        Command::Device { time: true, .. } => device::time(),
        Command::Device { dump: true, .. } => device::dump(),
        Command::Device { .. } => device::refuses(),
        Command::Say => say::say(),
        Command::Hog { busy_us, period_us } => hog::run(
            Duration::from_micros(busy_us),
            Duration::from_micros(period_us),
        ),
    }
}

fn print(mut readings: Readings, count: u64, blind: bool) -> Result<()> {
    println!("guest_cycles {}", readings.guest_cycles);
    let took = &mut readings.took;
    took.sort_unstable();
    println!("least {}", took.first().context("no exits")?);
    println!("median {}", took[took.len() / 2]);
    println!("mean {}", readings.guest_cycles / count);
    if blind {
        return Ok(());
    }
    ensure!(
        readings.live == UNDEFINED,
        "the leaves are not live here: asked about reason 35, CPUID said {:x?}",
        readings.live
    );
    let (before, after) = (defined(readings.before)?, defined(readings.after)?);
    println!("before {}", before.exits);
    println!("exits {}", after.exits.wrapping_sub(before.exits));
    println!("cycles {}", after.cycles.wrapping_sub(before.cycles));
    Ok(())
}

/// Returns the tally of an answer, which must be for a defined reason.
fn defined(answer: Answer) -> Result<exitstat_core::tally::Tally> {
    answer
        .decode()
        .context("a defined reason was called undefined")
}
