// SPDX-License-Identifier: GPL-2.0

//! The command line.
//!
//! `build.rs` compiles these files too, for manual pages and completions: they use nothing of the
//! crate but [`crate::reason`].

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::{path::PathBuf, time::Duration};

mod detail;
mod enable;
mod explain;
mod export;
mod format;
mod idle;
mod plot;
mod report;
mod rotate;
mod source;
mod top;
mod vm;

pub use detail::{
    CaptureKind, DetailArgs, DetailSort, LookArgs, NamesArgs, ReasonsArgs, SlowArgs, ROWS,
};
pub use enable::{DisableArgs, EnableArgs};
pub use explain::ExplainArgs;
pub use export::{ExportArgs, Listen};
pub use format::{Format, PrintArgs};
pub use plot::{PlotArgs, PlotKind, PlotTheme, RateOf};
pub use report::ReportFormat;
pub use rotate::Rotate;
pub use source::{LiveArgs, SourceArgs, SourceKind, UnpinArgs};
pub use top::{TopArgs, KEYS};
pub use vm::VmArg;

// A paragraph is one line here: clap breaks it where the terminal ends, and indents what follows as its beginning.
const AFTER_HELP: &str = "\
Sources:
  The kernel module kvm_exitstat counts if it is loaded. Otherwise exitstat attaches BPF programs to \
KVM's tracepoints, on Intel and AMD; this needs no module. They count until exitstat exits (with --pin, \
until `exitstat unpin`). Each table names its source. --source selects one.

Counters:
  VM exits: each hardware VM exit is counted once, under its exit reason. On Intel this is the basic exit \
reason (SDM vol. 3, appendix C), on AMD the exit code (APM vol. 2, appendix C).
  Kernel time, module: TSC cycles from the exit to the end of its handling, while the vCPU thread is on \
its CPU.
  Kernel time, BPF: nanoseconds from the exit to the next entry, minus the time in userspace. This \
includes waiting in HLT and for a CPU; --off-cpu excludes the time that the vCPU thread is off its CPU.
  User time: wall time in userspace, for exits that userspace finishes.
  %time is the share of kernel plus user time, and the default sort order. %ktime (CPUs and guests) is \
the share of kernel time. avg, p50, p99 and max are kernel time per exit. %uexits is the percentage of \
the reason's exits that userspace finished.

Accuracy:
  Host totals of exits and kernel time are summed from per-CPU counters. User time, percentiles and \
the longest exit come from per-vCPU counters, including vCPUs that ended. The two may differ by exits \
taken during the snapshot and by vCPUs whose counters could not be allocated. Per-CPU counters have \
exits and kernel time only.
  max is the longest exit since counting began. In a report for an interval, it is the upper bound of \
the histogram bucket of the longest exit.
  p50 and p99 are upper bounds: 50 % and 99 % of exits took no longer. They come from a log2 histogram, \
so a bound is less than twice the exact value (below 128 cycles it may be more).

Width:
  A table is as wide as COLUMNS says, or else as wide as the terminal. Cells and columns that do not fit \
are shortened or omitted, in the order listed in docs/cli.md. Pipes and files get all columns.

Options:
  An option that has no effect beside the others is an error (exit status 2), for example --time with \
--format json.

Exit status:
  0  success
  1  `check`: over the budget
  2  the command line or the budget is invalid
  3  the counters cannot be read: no module, no BPF, or no permission
  4  `guest`: the CPUID leaves are unavailable
  5  a recording is unreadable, incomplete or damaged (intact parts are printed)
  6  any other failure, such as a file that cannot be written
  `record -- COMMAND` returns COMMAND's exit status, 125 if exitstat failed, 126 if COMMAND could not be \
executed, 127 if it was not found, or 128 plus the signal number if a signal killed it.

Examples:
  sudo exitstat top               live view, on any host with KVM
  exitstat                        totals since module load; with BPF, one second
  exitstat 1                      the same, then one report per second
  exitstat 5 -y --for 1m          every 5 seconds for a minute, without totals
  exitstat --vm 3 --reason HLT 1  HLT exits of VM 3, every second
  exitstat record -o boot.rec -- ./start-vm && exitstat report boot.rec
  exitstat diff ept1.rec ept0.rec
";

/// VM exit statistics for KVM on Intel and AMD
///
/// Shows how often guests exit to the hypervisor, why, and how long the exits take to handle. Reads
/// the counters of the kernel module kvm_exitstat, counts with BPF if the module is not loaded, or
/// reads a recording.
///
/// Without a command, exitstat prints the totals since the module was loaded, then one report per
/// INTERVAL, COUNT in total. At the end, or on Ctrl-C, it prints the average over all intervals.
/// With BPF there are no totals: it prints one report per INTERVAL, or one report over one second.
#[derive(Debug, Parser)]
#[command(name = "exitstat", version, after_long_help = AFTER_HELP)]
#[command(args_conflicts_with_subcommands = true, max_term_width = 100)]
pub struct Cli {
    /// Options without a command.
    #[command(flatten)]
    pub stat: StatArgs,
    /// The command.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do. The arguments' documentation is the command's help.
#[allow(missing_docs)]
#[derive(Debug, Subcommand)]
pub enum Command {
    Vms(VmsArgs),
    Top(TopArgs),
    Record(RecordArgs),
    Report(ReportArgs),
    Diff(DiffArgs),
    Plot(PlotArgs),
    Check(CheckArgs),
    Detail(DetailArgs),
    Slow(SlowArgs),
    Guest(GuestArgs),
    Explain(ExplainArgs),
    Export(ExportArgs),
    Enable(EnableArgs),
    Disable(DisableArgs),
    Unpin(UnpinArgs),
    #[command(hide = true)]
    Documents(DocumentsArgs),
}

/// Whose exits.
#[derive(Args, Clone, Debug, Default)]
pub struct ScopeArgs {
    /// Only this VM: its number, name or UUID (`exitstat vms` lists them)
    #[arg(long, value_name = "VM")]
    pub vm: Option<VmArg>,
    /// Only this vCPU of the VM
    #[arg(long, value_name = "N", requires = "vm")]
    pub vcpu: Option<u32>,
    /// Only this CPU of the host: exits and cycles, no more is counted by CPU
    #[arg(long, value_name = "N", conflicts_with_all = ["vm", "vcpu"])]
    pub cpu: Option<u32>,
}

/// Which rows.
#[derive(Args, Clone, Debug, Default)]
pub struct RowsArgs {
    /// Show only these reasons, by name or number, such as HLT,EPT_VIOLATION; percentages still
    /// refer to all exits
    #[arg(long, value_name = "REASON,...", value_delimiter = ',', value_parser = crate::reason::parse)]
    pub reason: Vec<crate::reason::Wanted>,
    /// Include reasons that did not occur
    #[arg(long)]
    pub all: bool,
    /// Sort order of the rows, largest first
    #[arg(long, value_enum, default_value_t)]
    pub sort: Sort,
}

/// Orders of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// Kernel plus user time; only kernel time with --cpu and in `exitstat guest`
    #[default]
    Time,
    /// Kernel time
    #[value(alias = "kernel-time")]
    Cycles,
    /// User time
    #[value(alias = "user-time")]
    UserCycles,
    /// Number of exits
    Exits,
    /// Average kernel time per exit
    Avg,
    /// 99th percentile of the kernel time per exit, as an upper bound (see --help)
    P99,
    /// Kernel time of the longest exit
    Max,
    /// Number of exits that userspace finished
    #[value(alias = "user-exits")]
    User,
    /// Reason number, smallest first
    Reason,
}

/// `exitstat [INTERVAL [COUNT]]`
#[derive(Args, Debug)]
pub struct StatArgs {
    /// Time between reports, in seconds or with a unit, such as 500ms or 1m
    #[arg(value_name = "INTERVAL", value_parser = interval)]
    pub interval: Option<Duration>,
    /// Number of reports, including the first one (the totals since the module was loaded)
    #[arg(value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Run for this long instead of printing COUNT reports, such as 30s or 5m
    #[arg(long = "for", value_name = "DURATION", value_parser = interval, requires = "interval", conflicts_with = "count")]
    pub duration: Option<Duration>,
    /// Omit the first report (the totals since the module was loaded)
    #[arg(short = 'y', requires = "interval")]
    pub no_totals: bool,
    /// Whose exits.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Which rows.
    #[command(flatten)]
    pub rows: RowsArgs,
    /// How.
    #[command(flatten)]
    pub print: PrintArgs,
    /// Of what.
    #[command(flatten)]
    pub source: SourceArgs,
}

/// List VMs with their process, vCPUs, exits and exit rate
///
/// A VM is listed from its first exit until its process ends. Its exits are counted since the VM
/// was started, the module was loaded, or BPF began to count, whichever came last. A recording also
/// has the exits between a VM's last snapshot and its end, unless another VM ended in the same
/// interval. The module numbers the VMs; with BPF, a VM's number is its process ID. The rate is
/// measured over INTERVAL, or over the whole recording.
#[derive(Args, Debug)]
pub struct VmsArgs {
    /// Time over which the rate is measured; 0 omits the rate
    #[arg(short, long, default_value = "1", value_parser = interval_or_none, conflicts_with = "from")]
    pub interval: Duration,
    /// Sort order of the VMs; counters and rates are sorted largest first
    #[arg(long, value_enum, default_value_t)]
    pub sort: VmSort,
    /// List at most N VMs in the table and sum up the others in one row [default: all]
    #[arg(short = 'n', long, value_name = "N")]
    pub rows: Option<usize>,
    /// List only VMs whose name or process name contains TEXT, ignoring case
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
    /// Output format; json is one document, described in docs/json.md
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Of what.
    #[command(flatten)]
    pub source: SourceArgs,
}

/// Orders of VMs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum VmSort {
    /// VM number
    #[default]
    Vm,
    /// Name, or process name if there is none
    Name,
    /// Kernel plus user time
    Time,
    /// Kernel time
    #[value(alias = "kernel-time")]
    Cycles,
    /// User time
    #[value(alias = "user-time")]
    UserCycles,
    /// Number of exits
    Exits,
    /// Exits per second
    Rate,
    /// Number of vCPUs
    Vcpus,
}

/// Record the counters to a file, while a command runs or until Ctrl-C
///
/// Takes a snapshot of all counters when it starts, after each INTERVAL, and when COMMAND ends or Ctrl-C is
/// pressed. If exitstat is killed, the recording stays readable up to that point.
///
/// The file also contains the time, the source, exitstat's command line, the kernel release, the parameters
/// of kvm, kvm_intel and kvm_amd, the names and process IDs of the VMs' processes, and the VMs' names, UUIDs,
/// namespaces and containers (unless --no-names).
#[derive(Args, Debug)]
pub struct RecordArgs {
    /// File to write. An existing file is replaced once the first snapshot is written and COMMAND runs; if
    /// either fails, the existing file is kept
    #[arg(short, long, value_name = "FILE", value_parser = format::file())]
    pub output: PathBuf,
    /// Time between snapshots
    #[arg(short, long, default_value = "1", value_parser = interval)]
    pub interval: Duration,
    /// Record only one VM, by number, name or UUID. COMMAND may start it. After its end, the next VM that matches is
    /// recorded
    #[arg(long, value_name = "VM", conflicts_with_all = ["only_command", "capture", "uncompressed"])]
    pub vm: Option<VmArg>,
    /// Record only the VMs that COMMAND or its child processes start
    #[arg(long, requires = "command", conflicts_with_all = ["capture", "uncompressed"])]
    pub only_command: bool,
    /// Read marks from this FIFO, created if missing: each line starts a named phase and takes a snapshot
    #[arg(long, value_name = "FIFO")]
    pub marks: Option<PathBuf>,
    /// Also store this host's name
    #[arg(long)]
    pub hostname: bool,
    /// Start a new file when FILE reaches a size, such as 100MiB, or an age, such as 1h. A full x.rec is renamed
    /// to x.1.rec, the next one to x.2.rec, and so on
    #[arg(long, value_name = "SIZE|TIME", value_parser = rotate::rotate)]
    pub rotate: Option<Rotate>,
    /// Keep only the last N full files [default: all]
    #[arg(long, value_name = "N", requires = "rotate", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep: Option<u32>,
    /// Do not store VM names, UUIDs, namespaces and containers; process names are still stored
    #[arg(long)]
    pub no_names: bool,
    /// Do not compress snapshots, for exitstat 0.2 and other programs that read format 1
    #[arg(long)]
    pub uncompressed: bool,
    /// Capture details while recording, for `exitstat detail` (module only, as root)
    #[arg(long, value_name = "WHAT", conflicts_with = "from")]
    pub capture: Option<CaptureKind>,
    /// Take one snapshot after another from a recording; the last one again and again
    #[arg(long, value_name = "FILE", hide = true, conflicts_with_all = ["source", "counts", "off_cpu", "pin", "max_vcpus"])]
    pub from: Option<PathBuf>,
    /// Of what.
    #[command(flatten)]
    pub live: LiveArgs,
    /// Command to run; exitstat returns its exit status
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<std::ffi::OsString>,
}

/// Report the exits in a recording
///
/// Prints the exits between the first and the last snapshot of a recording. If the module was
/// reloaded during the recording, the exits between the last snapshot before the unload and the
/// unload are lost and not in the report. With --vm, the exits of a VM that ended are complete,
/// unless another VM ended between the same two snapshots. In that case, exits after the VM's last
/// snapshot are counted for the host only, and a warning is printed.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// Recording to read
    pub file: PathBuf,
    /// Report only the phase from this mark to the next
    #[arg(long, value_name = "MARK")]
    pub phase: Option<String>,
    /// Report only exits before this mark
    #[arg(long, value_name = "MARK", conflicts_with = "phase")]
    pub until: Option<String>,
    /// Print one line per phase, from each mark to the next (`record --marks` sets marks)
    #[arg(long, conflicts_with_all = ["phase", "until", "reason", "all", "sort", "nested"])]
    pub phases: bool,
    /// Whose exits.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Which rows.
    #[command(flatten)]
    pub rows: RowsArgs,
    /// How.
    #[command(flatten)]
    pub print: PrintArgs<ReportFormat>,
}

/// Compare two recordings by exit reason
///
/// Compares the exits between the first and the last snapshot of each recording, so record the same
/// work twice, for example with `exitstat record -o ept1.rec -- ./boot-vm`. Rows are sorted by the
/// size of the change, in either direction. If the module counted one recording and BPF the other,
/// times are in nanoseconds and measured differently (see `exitstat --help`).
#[derive(Args, Debug)]
pub struct DiffArgs {
    /// Baseline recording
    pub a: PathBuf,
    /// Recording to compare with the baseline
    pub b: PathBuf,
    /// Show only these reasons, by name or number, such as HLT,EPT_VIOLATION
    #[arg(long, value_name = "REASON,...", value_delimiter = ',', value_parser = crate::reason::parse)]
    pub reason: Vec<crate::reason::Wanted>,
    /// Compare only this VM, by name, UUID or number; its number may differ between the recordings
    #[arg(long, value_name = "VM")]
    pub vm: Option<VmArg>,
    /// Compare only the phase from this mark to the next, in both recordings (`record --marks` sets
    /// marks)
    #[arg(long, value_name = "MARK")]
    pub phase: Option<String>,
    /// Compare only exits before this mark, in both recordings
    #[arg(long, value_name = "MARK", conflicts_with = "phase")]
    pub until: Option<String>,
    /// Compare exits by key, such as MSR, port or address, in recordings with details (`record
    /// --capture`). The table shows exits, or cycles with `--sort cycles`
    #[arg(long)]
    pub details: bool,
    /// Include rows that did not change
    #[arg(long)]
    pub all: bool,
    /// Show at most N rows in a table and sum up the others in one row [default: all]
    #[arg(short = 'n', long, value_name = "N")]
    pub rows: Option<usize>,
    /// Sort by the change in this counter
    #[arg(long, value_enum, default_value_t)]
    pub sort: DiffSort,
    /// Compare rates per second, for recordings of different lengths
    #[arg(long)]
    pub per_second: bool,
    /// Output format; json is one document, described in docs/json.md
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Sort orders of a comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DiffSort {
    /// Change in exits
    #[default]
    Exits,
    /// Change in kernel plus user time
    Time,
    /// Change in kernel time
    #[value(alias = "kernel-time")]
    Cycles,
    /// Change in user time
    #[value(alias = "user-time")]
    UserCycles,
}

const BUDGET_HELP: &str = "\
A budget:
  # Limits for the whole recording.
  [total]
  exits = 20_000
  cycles = 400_000_000         # kernel time; nanoseconds if BPF counted

  # Limits by reason, by name or number (see 'exitstat explain'). Other
  # reasons are not limited. Reasons of the other CPU vendor are ignored.
  [reason.EPT_VIOLATION]
  exits = 3_000

  [reason.IO_INSTRUCTION]
  exits = 500
  user_exits = 100             # exits that userspace finished
  user_cycles = 3_000_000      # user time
  time_cycles = 5_000_000      # kernel plus user time

  # Limits by key, for recordings with details ('record --capture key'):
  # port, msr, leaf, hypercall or mmio.
  [port.0x3f8]
  exits = 50

Truncated recordings, and recordings during which the module was reloaded, are rejected (exit status 5), \
because the missing part could exceed the budget. With --vm, the VM may start and end within the \
recording. If another VM ended between the same two snapshots, the VM's last exits are counted for the \
host only, and the recording is rejected. --partial checks such recordings anyway.";

/// Check a recording against a budget of exits or cycles
///
/// For regression tests of virtual machine monitors: record a run, then check that it took no more
/// exits or cycles than its budget allows. Prints each limit; the exit status is 1 if any limit is
/// exceeded.
#[derive(Args, Debug)]
#[command(after_long_help = BUDGET_HELP)]
pub struct CheckArgs {
    /// Recording to check
    pub file: PathBuf,
    /// Budget in TOML (--help has an example)
    #[arg(long, value_name = "FILE")]
    pub budget: PathBuf,
    /// Check the recording even if it is incomplete
    #[arg(long)]
    pub partial: bool,
    /// Whose exits.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Output format; json is one document, described in docs/json.md
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Inside a guest, show its own exits, read by CPUID
///
/// Reads CPUID leaves 0x4FFFFFFD and 0x4FFFFFFF, and 0x4FFFFFFB for the generation, as any program in a
/// guest may. The guest needs no module and no privileges; the host needs kvm_exitstat. exitstat first checks that the host
/// provides the leaves: leaf 0x4FFFFFFD must report the nonexistent reason 35 as undefined. If it
/// does not, the exit status is 4.
///
/// Each read itself causes one or more exits with reason 10 (CPUID). The rows are therefore read at
/// slightly different times, and the total is read last.
#[derive(Args, Debug)]
pub struct GuestArgs {
    /// Which rows.
    #[command(flatten)]
    pub rows: RowsArgs,
    /// Output format; json is one document, described in docs/json.md
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// The variable by which a shell's completion script names its shell.
pub const COMPLETE: &str = "EXITSTAT_COMPLETE";

/// Write manual pages and shell completions
#[derive(Args, Debug)]
pub struct DocumentsArgs {
    /// Directory in which man/man1 and completions/ are created
    pub directory: PathBuf,
}

/// A time above 0: seconds, or with units.
fn interval(word: &str) -> Result<Duration, String> {
    match interval_or_none(word)? {
        Duration::ZERO => Err("must be greater than 0".to_owned()),
        interval => Ok(interval),
    }
}

/// A time: seconds, or with units.
fn interval_or_none(word: &str) -> Result<Duration, String> {
    const WHAT: &str = "neither a command nor a time, such as 2, 0.5, 500ms or 1m";
    let time = match word.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => word
            .parse::<jiff::SignedDuration>()
            .ok()
            .and_then(|time| Duration::try_from(time).ok()),
    };
    time.filter(|time| time.as_secs() < 1 << 32)
        .ok_or_else(|| WHAT.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_holds() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_have_units_or_are_seconds() {
        for (word, ms) in [("2", 2000), ("0.5", 500), ("500ms", 500), ("1m", 60_000)] {
            assert_eq!(interval(word), Ok(Duration::from_millis(ms)), "{word}");
        }
        for word in [
            "0",
            "-1",
            "-1s",
            "nan",
            "inf",
            "1e30",
            "vmz",
            "",
            "99999999999h",
        ] {
            assert!(interval(word).is_err(), "{word}");
        }
        assert_eq!(interval_or_none("0"), Ok(Duration::ZERO));
    }

    fn parse(words: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(words.split_whitespace())
    }

    #[test]
    fn intervals_and_commands_are_told_apart() {
        let cli = parse("exitstat 1 5 --reason 48,CR_ACCESS").unwrap();
        assert_eq!(cli.stat.interval, Some(Duration::from_secs(1)));
        let reasons: Vec<_> = cli
            .stat
            .rows
            .reason
            .iter()
            .map(|r| r.reasons().next())
            .collect();
        assert_eq!(cli.stat.count, Some(5));
        assert_eq!(
            reasons,
            [48, 28].map(|number| Some(crate::reason::Reason::vmx(number)))
        );
        let cli = parse("exitstat vms").unwrap();
        assert!(matches!(cli.command, Some(Command::Vms(_))));
        for wrong in [
            "exitstat vmz",
            "exitstat 1 0",
            "exitstat --vcpu 1",
            "exitstat --vm 1 --cpu 1",
            "exitstat --reason NONE",
            "exitstat --time --cycles",
            "exitstat record",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_comes_after_two_dashes_is_the_command() {
        let cli = parse("exitstat record -o x -i 0.1 -- ls -l").unwrap();
        let Some(Command::Record(args)) = cli.command else {
            panic!("{cli:?}");
        };
        assert_eq!(args.command, ["ls", "-l"]);
    }
}
