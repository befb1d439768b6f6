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
Who counts:
  The module kvm_exitstat if it is loaded. Otherwise BPF programs on KVM's tracepoints, which need no \
module, on Intel and AMD; they count until exitstat ends (with --pin, until `exitstat unpin`). Each \
table names who counted. --source chooses.

What is counted:
  Every hardware VM exit, once, under its reason: on Intel the basic exit reason (SDM vol. 3, \
appendix C), on AMD the exit code (APM vol. 2, appendix C).
  Kernel time, by the module: TSC cycles from the exit to the end of its handling, while the vCPU's \
thread is on its CPU. By BPF: nanoseconds from the exit to the next entry, less the time in \
userspace. That includes waiting in HLT and for a CPU; --off-cpu excludes the time that the thread is \
off its CPU.
  User time: wall time in userspace, for the exits that userspace finishes.
  %time is the share of kernel and user time together, and the default order. %ktime, of CPUs and \
guests, is the share of kernel time. avg, p50, p99 and max are kernel time per exit. %uexits is the \
share of the reason's exits that userspace finished.

Where the numbers come from:
  Host totals of exits and kernel time are summed from per-CPU counters. User time, percentiles and \
the longest exit are summed from the vCPUs' counters, including vCPUs that ended. They may differ by \
exits taken during the snapshot and by vCPUs whose counters could not be allocated. CPUs count exits \
and kernel time only.
  The longest exit is known since counting began. A report of an interval shows the upper bound of \
the bucket of its longest exit.
  p50 and p99 are upper bounds: 50 and 99 % of the exits took no longer. They come from a log2 \
histogram, so a bound is less than twice the exact figure (below 128 cycles it may be more).

Width:
  A table is as wide as COLUMNS says, or else as the terminal. What does not fit is shortened or left \
out in the order of docs/cli.md. A pipe or a file gets all columns.

Options:
  An option without effect beside the others is an error (exit status 2), such as --time with --format json.

Exit status:
  0  success
  1  `check`: over the budget
  2  the command line, or a budget, has an error
  3  the counters cannot be read: no module, no BPF, no permission
  4  `guest`: the CPUID leaves are unavailable
  5  a recording cannot be read, lacks data, or is damaged (the rest is printed)
  6  another failure, such as writing a file
  `record -- COMMAND` returns COMMAND's exit status; 125 if exitstat failed, 126 if COMMAND could \
not be run, 127 if it was not found, and 128 and the signal's number if a signal ended it.

Examples:
  sudo exitstat top               live, on any host with KVM
  exitstat                        since the module was loaded; by BPF, a second
  exitstat 1                      that, and then each second
  exitstat 5 -y --for 1m          each 5 seconds for a minute, without totals
  exitstat --vm 3 --reason HLT 1  only HLT exits of VM 3
  exitstat record -o boot.rec -- ./start-vm && exitstat report boot.rec
  exitstat diff ept1.rec ept0.rec
";

/// VM exit statistics for KVM on Intel and AMD
///
/// Shows how often guests leave to the hypervisor, why, and how much time it takes to handle it.
/// Reads what the kernel module kvm_exitstat counts, or counts by BPF where there is none, or reads
/// a recording.
///
/// Without a command: the totals since the module was loaded, then one report per INTERVAL, COUNT in
/// total, and at the end, or at Ctrl-C, the average over all intervals. By BPF there are no totals:
/// one report per INTERVAL, or of one second.
#[derive(Debug, Parser)]
#[command(name = "exitstat", version, after_long_help = AFTER_HELP)]
#[command(args_conflicts_with_subcommands = true, max_term_width = 100)]
pub struct Cli {
    /// Without a command.
    #[command(flatten)]
    pub stat: StatArgs,
    /// What to do.
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
    /// Only these reasons, by name or number, such as HLT,EPT_VIOLATION; shares stay those of all exits
    #[arg(long, value_name = "REASON,...", value_delimiter = ',', value_parser = crate::reason::parse)]
    pub reason: Vec<crate::reason::Wanted>,
    /// Also reasons that did not occur
    #[arg(long)]
    pub all: bool,
    /// Order of the rows, largest first
    #[arg(long, value_enum, default_value_t)]
    pub sort: Sort,
}

/// Orders of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// Time in the kernel and in userspace; of exits that only a CPU or a guest counted, in the kernel
    #[default]
    Time,
    /// Time in the kernel
    #[value(alias = "kernel-time")]
    Cycles,
    /// Time in userspace
    #[value(alias = "user-time")]
    UserCycles,
    /// Exits
    Exits,
    /// Average time of an exit in the kernel
    Avg,
    /// Time in the kernel that 99 % of exits did not exceed: an upper bound (--help)
    P99,
    /// The longest exit, by its time in the kernel
    Max,
    /// Exits that userspace finished
    #[value(alias = "user-exits")]
    User,
    /// The reason's number, smallest first
    Reason,
}

/// `exitstat [INTERVAL [COUNT]]`
#[derive(Args, Debug)]
pub struct StatArgs {
    /// Time between tables: seconds, or with a unit, such as 500ms or 1m
    #[arg(value_name = "INTERVAL", value_parser = interval)]
    pub interval: Option<Duration>,
    /// Number of reports; the first one of the module's counters, of the totals, is one of them
    #[arg(value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Report for this long instead of COUNT times, such as 30s or 5m
    #[arg(long = "for", value_name = "DURATION", value_parser = interval, requires = "interval", conflicts_with = "count")]
    pub duration: Option<Duration>,
    /// Omit the first report, of the totals since the module was loaded
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

/// Which VMs there are: their process, vCPUs, exits, rate
///
/// A VM is listed from its first exit until its process ends. Its exits are those since it was
/// started, the module was loaded, or BPF began to count. A recording also has the exits between its
/// last snapshot and its end, unless another VM ended meanwhile. The VM's number is the module's, or
/// by BPF its process id. The rate is measured over INTERVAL, or over the whole recording.
#[derive(Args, Debug)]
pub struct VmsArgs {
    /// Time over which the rate is measured; 0 for no rate
    #[arg(short, long, default_value = "1", value_parser = interval_or_none, conflicts_with = "from")]
    pub interval: Duration,
    /// Order of the VMs; figures largest first
    #[arg(long, value_enum, default_value_t)]
    pub sort: VmSort,
    /// List at most N VMs in the table and sum the others up in one row [default: all]
    #[arg(short = 'n', long, value_name = "N")]
    pub rows: Option<usize>,
    /// Only VMs with this text in their process's name, in any case
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
    /// Output format; json is one document, as docs/json.md describes it
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Of what.
    #[command(flatten)]
    pub source: SourceArgs,
}

/// Orders of VMs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum VmSort {
    /// The VM's number
    #[default]
    Vm,
    /// Name of its process
    Name,
    /// Time in the kernel and in userspace
    Time,
    /// Time in the kernel
    #[value(alias = "kernel-time")]
    Cycles,
    /// Time in userspace
    #[value(alias = "user-time")]
    UserCycles,
    /// Exits
    Exits,
    /// Exits per second
    Rate,
    /// Number of vCPUs
    Vcpus,
}

/// Record the counters into a file, while a command runs or until Ctrl-C
///
/// Takes a snapshot of all counters at once, each INTERVAL, and a last one at the end: when COMMAND
/// has ended, or at Ctrl-C. A recording that was killed stays readable up to there.
///
/// The file says: when, who counted, exitstat's command line, the kernel's release, the parameters of
/// kvm, kvm_intel and kvm_amd, the names and process ids of VMs' processes, and the names, UUIDs, namespaces and
/// containers of VMs (unless --no-names).
#[derive(Args, Debug)]
pub struct RecordArgs {
    /// The file to write. An existing file is replaced once the first snapshot is written and COMMAND runs; if
    /// that fails, it stays as it is
    #[arg(short, long, value_name = "FILE", value_parser = format::file())]
    pub output: PathBuf,
    /// Time between snapshots
    #[arg(short, long, default_value = "1", value_parser = interval)]
    pub interval: Duration,
    /// Read marks from a FIFO, made if it is not there: each line that is written into it names what
    /// begins then, with a snapshot of that moment
    #[arg(long, value_name = "FIFO")]
    pub marks: Option<PathBuf>,
    /// Put this host's name into the file as well
    #[arg(long)]
    pub hostname: bool,
    /// Go on in a new file when this one reaches a size, such as 100MiB, or an age, such as 1h. FILE is the one
    /// being written; a full one is renamed, x.rec to x.1.rec, x.2.rec and so on
    #[arg(long, value_name = "SIZE|TIME", value_parser = rotate::rotate)]
    pub rotate: Option<Rotate>,
    /// Keep only the last N full files of this recording [default: all]
    #[arg(long, value_name = "N", requires = "rotate", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep: Option<u32>,
    /// Leave out the names of VMs and what else tells whose they are; the names of their processes stay
    #[arg(long)]
    pub no_names: bool,
    /// Write snapshots as they are, for exitstat 0.2 and other programs that read format 1
    #[arg(long)]
    pub uncompressed: bool,
    /// Capture details while it records, for `exitstat detail` (module only, as root)
    #[arg(long, value_name = "WHAT", conflicts_with = "from")]
    pub capture: Option<CaptureKind>,
    /// Take one snapshot after another from a recording; the last one again and again
    #[arg(long, value_name = "FILE", hide = true, conflicts_with_all = ["source", "counts", "off_cpu", "pin", "max_vcpus"])]
    pub from: Option<PathBuf>,
    /// Of what.
    #[command(flatten)]
    pub live: LiveArgs,
    /// A command to run; its exit status is passed on
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<std::ffi::OsString>,
}

/// What happened during a recording
///
/// The exits between a recording's first snapshot and its last. If the module was loaded again
/// meanwhile, what was counted between the last snapshot before and the unloading is lost, and not
/// in the report. With --vm, exits of a VM that ended are known to its end, unless another VM ended
/// between the same two snapshots: then exits after its last snapshot are counted for the host only,
/// and a warning says so.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// The recording
    pub file: PathBuf,
    /// Only from this mark to the next
    #[arg(long, value_name = "MARK")]
    pub phase: Option<String>,
    /// Only what was before this mark
    #[arg(long, value_name = "MARK", conflicts_with = "phase")]
    pub until: Option<String>,
    /// A line for each phase, from each mark to the next (`record --marks` sets them)
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

/// What changed between two recordings, by reason
///
/// Compares what happened between the first snapshot and the last of each, so record the same work
/// twice: `exitstat record -o ept1.rec -- ./boot-vm`. Rows are sorted by how much changed, either
/// way. Of one recording by the module and one by BPF, times are in nanoseconds, and differ in kind.
#[derive(Args, Debug)]
pub struct DiffArgs {
    /// The recording to start from
    pub a: PathBuf,
    /// The recording that is compared with it
    pub b: PathBuf,
    /// Only these reasons, by name or number, such as HLT,EPT_VIOLATION
    #[arg(long, value_name = "REASON,...", value_delimiter = ',', value_parser = crate::reason::parse)]
    pub reason: Vec<crate::reason::Wanted>,
    /// Only this VM, by name, UUID or number; it may have another number in each recording
    #[arg(long, value_name = "VM")]
    pub vm: Option<VmArg>,
    /// Only from this mark to the next, in both (`record --marks` sets them)
    #[arg(long, value_name = "MARK")]
    pub phase: Option<String>,
    /// Only what was before this mark, in both
    #[arg(long, value_name = "MARK", conflicts_with = "phase")]
    pub until: Option<String>,
    /// Compare what exits were about, key by key, of recordings with details (`record --capture`). The
    /// table has exits, or by `--sort cycles` cycles
    #[arg(long)]
    pub details: bool,
    /// Also what did not change
    #[arg(long)]
    pub all: bool,
    /// Rows of a table, at most; the others are one row [default: all]
    #[arg(short = 'n', long, value_name = "N")]
    pub rows: Option<usize>,
    /// What change is sorted by
    #[arg(long, value_enum, default_value_t)]
    pub sort: DiffSort,
    /// Compare what happened per second, for recordings of unequal length
    #[arg(long)]
    pub per_second: bool,
    /// Output format; json is one document, as docs/json.md describes it
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// What a comparison is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DiffSort {
    /// Change of exits
    #[default]
    Exits,
    /// Change of time in the kernel and in userspace
    Time,
    /// Change of time in the kernel
    #[value(alias = "kernel-time")]
    Cycles,
    /// Change of time in userspace
    #[value(alias = "user-time")]
    UserCycles,
}

const BUDGET_HELP: &str = "\
A budget:
  # Of the whole recording.
  [total]
  exits = 20_000
  cycles = 400_000_000         # kernel time; by BPF in nanoseconds

  # By reason: names or numbers of 'exitstat explain'. Other reasons are
  # not limited. Reasons that the CPU's vendor does not have are ignored.
  [reason.EPT_VIOLATION]
  exits = 3_000

  [reason.IO_INSTRUCTION]
  exits = 500
  user_exits = 100             # exits that userspace finished
  user_cycles = 3_000_000      # time in userspace
  time_cycles = 5_000_000      # kernel and userspace together

  # By what exits were about, of a recording with details ('record
  # --capture key'): also msr, leaf, hypercall and mmio.
  [port.0x3f8]
  exits = 50

Truncated recordings, and those in which the module was loaded again, are rejected (exit status 5), \
because the missing part could exceed the budget. With --vm, a VM may begin and end within the \
recording. If another VM ended between the same two snapshots, its last exits are counted for the host \
only, and the recording is rejected. --partial checks what is there.";

/// Fail if a recording exceeds its budget of exits or cycles
///
/// For tests of virtual machine monitors: record a run, and fail if it took more exits, or cycles,
/// than it may. Exit status 1 and a list of what is over if so.
#[derive(Args, Debug)]
#[command(after_long_help = BUDGET_HELP)]
pub struct CheckArgs {
    /// The recording
    pub file: PathBuf,
    /// The budget, in TOML; --help has an example
    #[arg(long, value_name = "FILE")]
    pub budget: PathBuf,
    /// Also check a recording that does not have all that happened
    #[arg(long)]
    pub partial: bool,
    /// Whose exits.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Output format; json is one document, as docs/json.md describes it
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Inside a guest: its own exits, by CPUID
///
/// Asks CPUID leaves 0x4FFFFFFD and 0x4FFFFFFF, which any program in a guest may do; needs no
/// module and no permission in the guest, but a host with kvm_exitstat. First it makes sure that
/// the leaves are answered at all: leaf 0x4FFFFFFD must call reason 35, which is none, undefined.
/// Exit status 4 if it does not.
///
/// Each question is an exit of reason 10 (CPUID) itself, or several; so the rows are of slightly
/// different moments, and the total is of the last.
#[derive(Args, Debug)]
pub struct GuestArgs {
    /// Which rows.
    #[command(flatten)]
    pub rows: RowsArgs,
    /// Output format; json is one document, as docs/json.md describes it
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// The variable by which a shell's completion script names its shell.
pub const COMPLETE: &str = "EXITSTAT_COMPLETE";

/// Write manual pages and shell completions
#[derive(Args, Debug)]
pub struct DocumentsArgs {
    /// The directory: man/man1 and completions/ are made in it
    pub directory: PathBuf,
}

/// A time above 0: seconds, or with units.
fn interval(word: &str) -> Result<Duration, String> {
    match interval_or_none(word)? {
        Duration::ZERO => Err("it must be more than 0".to_owned()),
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
