// SPDX-License-Identifier: GPL-2.0

use super::{interval, Format, ScopeArgs, SourceArgs, VmArg};
use crate::reason::Wanted;
use clap::{Args, ValueEnum};
use std::{path::PathBuf, time::Duration};

const DETAIL_HELP: &str = "\
What a row says:
  Exits of one reason with the same key, such as an MSR, a port, a CPUID leaf or an address, and, if it \
was captured, from the same instruction. `other` counts the reason's exits that have no row: those \
before capturing began, and those for which the table had no room. A reason's rows and its `other` add \
up to its exits. A reason without keys has one row.

Examples:
  For ten seconds:
    sudo exitstat detail --capture key -i 10
  Which instructions execute CPUID:
    sudo exitstat detail --capture ip -i 10 CPUID
  From a recording:
    sudo exitstat record --capture key -o boot.rec -- ./start-vm
    exitstat detail --from boot.rec MSR_WRITE
  With names from the VM:
    sudo exitstat detail --capture both -i 10 --vm 1 --symbols guest-kallsyms
    sudo exitstat detail --capture key -i 10 --qmp /run/vm.qmp EPT_MISCONFIG
";

/// What exits are about: which MSR, port, address, CPUID leaf, hypercall, or instruction
///
/// Needs the module, and CAP_PERFMON, because details show what guests do. By default the module captures
/// nothing: --capture turns capturing on while exitstat runs, the module's parameter `detail` for good.
#[derive(Args, Debug)]
#[command(after_long_help = DETAIL_HELP)]
pub struct DetailArgs {
    /// Which reasons.
    #[command(flatten)]
    pub reasons: ReasonsArgs,
    /// Captured when.
    #[command(flatten)]
    pub look: LookArgs,
    /// Called what.
    #[command(flatten)]
    pub names: NamesArgs,
    /// Rows of a table, at most; the others are one row [default: 30]
    #[arg(short = 'n', long, value_name = "N")]
    pub rows: Option<usize>,
    /// Order of the rows, largest first
    #[arg(long, value_enum, default_value_t)]
    pub sort: DetailSort,
    /// Whose exits.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Output format; json is one document, as docs/json.md describes it
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Reasons to show.
#[derive(Args, Clone, Debug, Default)]
pub struct ReasonsArgs {
    /// Show only these reasons, by name or number, such as MSR_WRITE; the same as --reason
    #[arg(value_name = "REASON", value_parser = crate::reason::parse)]
    words: Vec<Wanted>,
    /// Show only these reasons, such as HLT,EPT_VIOLATION
    #[arg(long, value_name = "REASON,...", value_delimiter = ',', value_parser = crate::reason::parse)]
    reason: Vec<Wanted>,
}

impl ReasonsArgs {
    /// Returns all of them, however they were given; none stands for all reasons.
    #[must_use]
    pub fn wanted(&self) -> Vec<Wanted> {
        [self.words.as_slice(), &self.reason].concat()
    }
}

/// When what is shown was captured.
#[derive(Args, Debug)]
pub struct LookArgs {
    /// Capture details while it runs, for INTERVAL
    #[arg(
        long,
        value_name = "WHAT",
        conflicts_with = "from",
        requires = "interval"
    )]
    pub capture: Option<CaptureKind>,
    /// Show exits of the next INTERVAL instead of all since capturing began
    #[arg(short, long, value_parser = interval, conflicts_with = "from")]
    pub interval: Option<Duration>,
    /// Only from this mark to the next, of a recording (`record --marks` sets them)
    #[arg(long, value_name = "MARK", requires = "from")]
    pub phase: Option<String>,
    /// Only what was before this mark, of a recording
    #[arg(long, value_name = "MARK", requires = "from", conflicts_with = "phase")]
    pub until: Option<String>,
    /// Of what.
    #[command(flatten)]
    pub source: SourceArgs,
}

impl LookArgs {
    /// Whether exits are to be looked at, for a command that can do without.
    #[must_use]
    pub fn is_asked_for(&self) -> bool {
        self.capture.is_some() || self.interval.is_some() || self.source.from.is_some()
    }
}

/// The VM that names come from.
#[derive(Args, Debug)]
pub struct NamesArgs {
    /// Name instruction pointers by the guest kernel's symbols: its System.map, a copy of its /proc/kallsyms, or its
    /// vmlinux
    #[arg(long, value_name = "FILE")]
    pub symbols: Option<PathBuf>,
    /// How far KASLR moved the guest's kernel, such as 0x1c000000 [default: found from the captured exits]
    #[arg(long, value_name = "OFFSET", value_parser = offset, requires = "symbols")]
    pub kaslr: Option<u64>,
    /// Name addresses and ports by the VM's devices: ask its QEMU over this QMP socket
    #[arg(long, value_name = "SOCKET")]
    pub qmp: Option<PathBuf>,
}

/// A number, in hexadecimal if it begins with 0x.
fn offset(text: &str) -> Result<u64, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map_err(|_| "not a number, such as 0x1c000000".to_owned())
}

/// The slowest exits, one by one: when, whose, what they were about, where from
///
/// While details are captured (`exitstat detail --help`), the module keeps the 15 slowest exits of each vCPU,
/// and the 64 slowest of all vCPUs that are gone. With `--capture key` these are exits of reasons that have keys;
/// `ip` and `both` include all reasons.
#[derive(Args, Debug)]
pub struct SlowArgs {
    /// Which reasons.
    #[command(flatten)]
    pub reasons: ReasonsArgs,
    /// Captured when.
    #[command(flatten)]
    pub look: LookArgs,
    /// Called what.
    #[command(flatten)]
    pub names: NamesArgs,
    /// Rows of a table, at most [default: 30]
    #[arg(short = 'n', long, value_name = "N")]
    pub rows: Option<usize>,
    /// Only of this VM, by number, name or UUID (`exitstat vms` lists them)
    #[arg(long, value_name = "VM")]
    pub vm: Option<VmArg>,
    /// Output format; json is one document, as docs/json.md describes it
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Rows of a table, if nobody says how many.
pub const ROWS: usize = 30;

/// Orders of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DetailSort {
    /// Exits
    #[default]
    Exits,
    /// Time in the kernel and in userspace
    Time,
    /// Time in the kernel
    #[value(alias = "kernel-time")]
    Cycles,
    /// Time in userspace
    #[value(alias = "user-time")]
    UserCycles,
    /// Exits that userspace finished
    #[value(alias = "user-exits")]
    User,
    /// The longest exit
    Max,
}

/// What is captured of exits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CaptureKind {
    /// What they are about: an MSR, a port, an address, by reason
    Key,
    /// The guest's instruction pointer
    Ip,
    /// Both together
    Both,
}
