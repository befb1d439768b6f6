// SPDX-License-Identifier: GPL-2.0

use super::{interval, Format, ScopeArgs, SourceArgs, VmArg};
use crate::reason::Wanted;
use clap::{Args, ValueEnum};
use std::{path::PathBuf, time::Duration};

const DETAIL_HELP: &str = "\
Rows:
  A row counts the exits of one reason with the same key, such as an MSR, a port, a CPUID leaf or an \
address, and, if captured, from the same instruction. `other` counts the reason's exits without a row: \
exits before capturing began, and exits that did not fit in the module's table. A reason's rows and its \
`other` add up to its exits. A reason without keys has one row.

Examples:
  Capture keys for ten seconds:
    sudo exitstat detail --capture key -i 10
  Find the instructions that execute CPUID:
    sudo exitstat detail --capture ip -i 10 CPUID
  Record details, then read the recording:
    sudo exitstat record --capture key -o boot.rec -- ./start-vm
    exitstat detail --from boot.rec MSR_WRITE
  Show names from the VM's kernel and devices:
    sudo exitstat detail --capture both -i 10 --vm 1 --symbols guest-kallsyms
    sudo exitstat detail --capture key -i 10 --qmp /run/vm.qmp EPT_MISCONFIG
";

/// Break down exits by MSR, port, address, CPUID leaf, hypercall or instruction
///
/// Requires the module, and CAP_PERFMON because details reveal guest activity. By default the
/// module captures no details. --capture enables capturing while exitstat runs; the module's
/// parameter `detail` enables it permanently.
#[derive(Args, Debug)]
#[command(after_long_help = DETAIL_HELP)]
pub struct DetailArgs {
    /// Reasons to show.
    #[command(flatten)]
    pub reasons: ReasonsArgs,
    /// Exits to show.
    #[command(flatten)]
    pub look: LookArgs,
    /// Sources of names.
    #[command(flatten)]
    pub names: NamesArgs,
    /// Show at most N rows in a table and sum up the others in one row [default: 30]
    #[arg(short = 'n', long, value_name = "N")]
    pub rows: Option<usize>,
    /// Sort order of the rows, largest first
    #[arg(long, value_enum, default_value_t)]
    pub sort: DetailSort,
    /// Whose exits.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Output format; json is one document, described in docs/json.md
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Reasons to show.
#[derive(Args, Clone, Debug, Default)]
pub struct ReasonsArgs {
    /// Show only these reasons, by name or number, such as MSR_WRITE; same as --reason
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
    /// Capture details for INTERVAL
    #[arg(
        long,
        value_name = "WHAT",
        conflicts_with = "from",
        requires = "interval"
    )]
    pub capture: Option<CaptureKind>,
    /// Show the exits of the next INTERVAL instead of all exits since capturing began
    #[arg(short, long, value_parser = interval, conflicts_with = "from")]
    pub interval: Option<Duration>,
    /// Show only the phase from this mark to the next, in a recording (`record --marks` sets marks)
    #[arg(long, value_name = "MARK", requires = "from")]
    pub phase: Option<String>,
    /// Show only exits before this mark, in a recording
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
    /// Resolve instruction pointers with the guest kernel's symbols: its System.map, a copy of its
    /// /proc/kallsyms, or its vmlinux
    #[arg(long, value_name = "FILE")]
    pub symbols: Option<PathBuf>,
    /// KASLR offset of the guest kernel, such as 0x1c000000 [default: found from the captured
    /// exits]
    #[arg(long, value_name = "OFFSET", value_parser = offset, requires = "symbols")]
    pub kaslr: Option<u64>,
    /// Name addresses and ports after the VM's devices, queried from QEMU over this QMP socket
    #[arg(long, value_name = "SOCKET")]
    pub qmp: Option<PathBuf>,
}

/// A number, in hexadecimal if it begins with 0x.
fn offset(text: &str) -> Result<u64, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map_err(|_| "expected a number, such as 0x1c000000".to_owned())
}

/// List the slowest exits with their time, vCPU, key and instruction pointer
///
/// While details are captured (see `exitstat detail --help`), the module keeps the 15 slowest exits
/// of each vCPU, and the 64 slowest exits of all vCPUs that ended. With `--capture key` it keeps
/// exits of reasons that have keys; with `ip` and `both` it keeps exits of all reasons.
#[derive(Args, Debug)]
pub struct SlowArgs {
    /// Reasons to show.
    #[command(flatten)]
    pub reasons: ReasonsArgs,
    /// Exits to show.
    #[command(flatten)]
    pub look: LookArgs,
    /// Sources of names.
    #[command(flatten)]
    pub names: NamesArgs,
    /// Show at most N rows in a table [default: 30]
    #[arg(short = 'n', long, value_name = "N")]
    pub rows: Option<usize>,
    /// Show only exits of this VM, by number, name or UUID (`exitstat vms` lists VMs)
    #[arg(long, value_name = "VM")]
    pub vm: Option<VmArg>,
    /// Output format; json is one document, described in docs/json.md
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Default number of rows in a table.
pub const ROWS: usize = 30;

/// Orders of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DetailSort {
    /// Number of exits
    #[default]
    Exits,
    /// Kernel plus user time
    Time,
    /// Kernel time
    #[value(alias = "kernel-time")]
    Cycles,
    /// User time
    #[value(alias = "user-time")]
    UserCycles,
    /// Number of exits that userspace finished
    #[value(alias = "user-exits")]
    User,
    /// Kernel time of the longest exit
    Max,
}

/// Details to capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CaptureKind {
    /// The key of each exit: an MSR, a port or an address, depending on the reason
    Key,
    /// The guest's instruction pointer
    Ip,
    /// Key and instruction pointer
    Both,
}
