// SPDX-License-Identifier: GPL-2.0

//! The command line.

use crate::{
    artifacts, bench, demo,
    flavour::Flavour,
    image::Guest,
    kernel,
    l0::L0,
    module, record,
    run::Run,
    stock::Stock,
    study,
    suite::{self, Suite},
    workspace::Workspace,
};
use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

/// Builds kernels, the module and images, and runs virtual machines in virtual machines.
#[derive(Parser)]
#[command(name = "lab", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the kernel with and without the patches (cached).
    Kernel {
        #[arg(long, value_enum, default_value_t = Flavour::Plain)]
        flavour: Flavour,
    },
    /// Build kvm_exitstat.ko for the cached kernel.
    Module {
        #[arg(long, value_enum, default_value_t = Flavour::Plain)]
        flavour: Flavour,
        /// Lint the module with clippy as well.
        #[arg(long)]
        clippy: bool,
    },
    /// Build everything and print where it is, as name=path lines.
    Artifacts,
    /// Boot L1, run a script in it, and boot L2 from there.
    Run(RunArgs),
    /// Record a real guest, from its boot to its end, with `exitstat record` in L1.
    Record {
        /// Where the recording goes.
        file: PathBuf,
        /// Record details as well: key, ip or both.
        #[arg(long, value_parser = ["key", "ip", "both"])]
        capture: Option<String>,
    },
    /// The study: records guests of all kinds into docs/report, and makes docs/report.md of it.
    Report {
        /// Only these runs of L1, as they are called in tests/report.
        names: Vec<String>,
    },
    /// The main job, shown: leaves read inside a real L2.
    Demo {
        /// On a Debian host with its own kernel, packages of exitstat, and libvirt.
        #[arg(long)]
        host: bool,
        /// Without the module, by BPF: on an AMD host with an old kernel.
        #[arg(long, conflicts_with = "host")]
        bpf: bool,
    },
    /// What an exit costs, by who watches: a table, build/bench.json, and build/bench.svg.
    Bench,
    /// The tests that need the lab.
    Test {
        /// Only tests whose name has one of these in it, of any suite.
        names: Vec<String>,
        /// Which tests, if none are named.
        #[arg(long, value_enum, default_value_t = Suite::Default)]
        suite: Suite,
        /// Print the names, and run nothing.
        #[arg(long)]
        list: bool,
        /// How many virtual machines run at a time.
        #[arg(long, default_value_t = 2)]
        jobs: usize,
        /// Start only what should end within so many minutes, and name what is left out. What still runs
        /// some minutes after that is cut off, and named too.
        #[arg(long, value_name = "MINUTES")]
        within: Option<u64>,
    },
}

/// An L1 script runs in L1 as root, with modprobe, QEMU and a command `l2` that boots L2, which
/// runs the L2 script. If the L1 script ends well without having called `l2`, L2 is booted after
/// it. What L1 prints, L2's console included, is printed here. The exit status is the L1 script's
/// (or L2's, if L2 came last), 124 after a timeout, 2 if the lab itself failed.
///
/// Loading kvm_intel brings kvm_exitstat along, as on a host where it is installed.
#[derive(Args)]
struct RunArgs {
    /// Shell script to run in L1.
    #[arg(long, value_name = "FILE")]
    l1: Option<PathBuf>,
    /// Shell script to run in L2; may be given several times, for `l2 -s NAME` in L1.
    #[arg(long, value_name = "FILE")]
    l2: Vec<PathBuf>,
    /// CPUs of L1: one for exact costs, two for races.
    #[arg(long, default_value_t = 1)]
    cpus: u32,
    /// vCPUs of L2, unless `l2 -n` says otherwise.
    #[arg(long, default_value_t = 1)]
    l2_cpus: u32,
    /// Parameters of kvm_intel, such as 'ept=0'.
    #[arg(long, default_value = "", value_name = "PARAMETERS")]
    kvm_intel: String,
    /// Seconds until L1 is stopped.
    #[arg(long, default_value_t = 600)]
    timeout: u64,
    /// What runs L1: bochs, kvm (a host with VMX and nested KVM), tcg (no VMX in L1), or svm (an AMD
    /// processor).
    #[arg(long, env = "EXITSTAT_L0")]
    l0: Option<L0>,
    /// The configuration of L1's kernel.
    #[arg(long, value_enum, default_value_t = Flavour::Plain)]
    flavour: Flavour,
    /// Boot a kernel of Debian's, the newest of a series of trixie-backports; or SERIES/plain, with nothing of
    /// exitstat's, also of 6.12 and 6.1.
    #[arg(long, value_name = "SERIES/FLAVOUR", value_parser = stock, conflicts_with_all = ["flavour", "unpatched"])]
    stock: Option<Stock>,
    /// Take the kernel without the patches, and its kvm.
    #[arg(long)]
    unpatched: bool,
    /// Put the full qemu-system-x86_64 into L1, for `l2 -M q35`.
    #[arg(long)]
    full_qemu: bool,
    /// Put the command exitstat into L1 and its guests.
    #[arg(long)]
    command: bool,
    /// Put the kernel's KVM selftests into L1, those of tests/lab/selftests/list.
    #[arg(long)]
    selftests: bool,
    /// Put a Debian guest into L1, in /lab/debian, as `make report` has it; L1 needs --memory 2048.
    #[arg(long)]
    debian: bool,
    /// Copy a file into L1, such as build/program:/usr/bin/program; may be given several times.
    #[arg(long, value_name = "SRC:DEST", value_parser = file)]
    file: Vec<(PathBuf, String)>,
    /// L1's memory in MiB [default: 1024; Bochs has at most 2048].
    #[arg(long, value_name = "MIB")]
    memory: Option<u32>,
    /// More for L1's kernel command line.
    #[arg(long, default_value = "")]
    append: String,
}

/// Parses `SRC:DEST`: a regular file of this machine, and its path in L1.
fn file(text: &str) -> Result<(PathBuf, String), String> {
    let (source, path) = text
        .rsplit_once(':')
        .ok_or("not SRC:DEST, such as build/program:/usr/bin/program")?;
    if !Path::new(source).is_file() {
        return Err(format!("no such file: {source:?}"));
    }
    // The image is assembled in a directory of this machine, which DEST must not leave.
    let inside = path.trim_start_matches('/');
    let names = || inside.split('/');
    if names().any(|name| ["", ".", ".."].contains(&name)) {
        return Err(format!(
            "DEST must be a file's path in L1, without '.' and '..': {path:?}"
        ));
    }
    Ok((source.into(), inside.to_owned()))
}

/// Parses `SERIES/FLAVOUR`, such as `7.3/cloud-amd64`.
fn stock(text: &str) -> Result<Stock, String> {
    let (series, flavour) = text.split_once('/').ok_or("such as 7.3/amd64")?;
    // There are few of them, for as long as the program runs.
    let leak = |text: &str| &*String::leak(text.to_owned());
    Ok(match flavour {
        "plain" => Stock::plain(leak(series)),
        _ => Stock {
            flavour: leak(flavour),
            ..Stock::amd64(leak(series))
        },
    })
}

/// Carries out a command line.
pub fn run(cli: Cli) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    Ok(match cli.command {
        Command::Kernel { flavour } => {
            kernel::patched(&workspace, flavour)?;
            ExitCode::SUCCESS
        }
        Command::Module { flavour, clippy } => {
            module::build(&workspace, flavour, clippy)?;
            ExitCode::SUCCESS
        }
        Command::Artifacts => {
            artifacts::print(&workspace)?;
            ExitCode::SUCCESS
        }
        Command::Run(args) => {
            let outcome = Run {
                l1: args.l1.map(std::fs::read_to_string).transpose()?,
                l2: Guest::read_scripts(&args.l2)?,
                cpus: args.cpus,
                l2_cpus: args.l2_cpus,
                kvm_intel: args.kvm_intel,
                timeout: Duration::from_secs(args.timeout),
                l0: args.l0,
                flavour: args.flavour,
                stock: args.stock,
                unpatched: args.unpatched,
                full_qemu: args.full_qemu,
                command: args.command,
                selftests: args.selftests,
                debian: args.debian,
                files: args.file,
                append: args.append,
                memory: args.memory,
                echo: true,
                ..Run::default()
            }
            .boot(&workspace)?;
            outcome.exit_code()
        }
        Command::Record { file, capture } => {
            record::record(&workspace, &file, capture.as_deref())?;
            ExitCode::SUCCESS
        }
        Command::Bench => {
            bench::run(&workspace)?;
            ExitCode::SUCCESS
        }
        Command::Report { names } => {
            study::run(&workspace, &names)?;
            ExitCode::SUCCESS
        }
        Command::Demo { host: true, .. } => demo::host(&workspace)?,
        Command::Demo { bpf: true, .. } => demo::bpf(&workspace)?,
        Command::Demo { .. } => demo::run(&workspace)?,
        Command::Test {
            names,
            suite,
            list,
            jobs,
            within,
        } => suite::run(&workspace, &names, suite, list, jobs, within)?,
    })
}

#[cfg(test)]
mod tests {
    use super::file;
    use std::path::PathBuf;

    const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");

    #[test]
    fn a_file_is_its_source_and_its_path_in_l1() {
        for path in ["/lab/f", "lab/f", "//lab/f"] {
            assert_eq!(
                file(&format!("{SOURCE}:{path}")),
                Ok((PathBuf::from(SOURCE), "lab/f".to_owned()))
            );
        }
    }

    #[test]
    fn a_source_may_contain_colons() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("a:b");
        std::fs::write(&source, "").unwrap();
        let parsed = file(&format!("{}:/f", source.display()));
        assert_eq!(parsed, Ok((source, "f".to_owned())));
    }

    #[test]
    fn a_file_without_a_destination_is_an_error() {
        let error = file(SOURCE).unwrap_err();
        assert!(error.contains("SRC:DEST"), "{error}");
    }

    #[test]
    fn a_source_that_is_no_file_is_an_error() {
        for source in ["/nonexistent", env!("CARGO_MANIFEST_DIR"), ""] {
            let error = file(&format!("{source}:/f")).unwrap_err();
            assert!(error.contains("no such file"), "{error}");
        }
    }

    #[test]
    fn a_destination_stays_in_the_image() {
        for path in [
            "",
            "/",
            "/usr/bin/",
            "../f",
            "/usr/../../f",
            "./f",
            "usr//f",
        ] {
            let error = file(&format!("{SOURCE}:{path}")).unwrap_err();
            assert!(error.contains("DEST must be"), "{error}");
        }
    }
}
