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

/// Builds kernels, the module and images, and runs guests inside an emulated host.
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
    /// Build everything and print the paths, one NAME=PATH per line.
    Artifacts,
    /// Boot L1 (the host), run a script in it, and boot L2 (the guest) from there.
    ///
    /// The L1 script runs as root, with modprobe, QEMU and the command `l2`, which boots L2; L2 runs the
    /// L2 script. If the L1 script succeeds without calling `l2`, L2 boots after it. L1's output, including
    /// L2's console, is printed here. The exit status is that of the L1 script (or of L2, if L2 came last),
    /// 124 after a timeout, and 2 if the lab itself failed.
    ///
    /// Loading kvm_intel also loads kvm_exitstat, as on a host where it is installed.
    Run(RunArgs),
    /// Record a guest from boot to shutdown, with `exitstat record` in L1.
    Record {
        /// The recording to write.
        file: PathBuf,
        /// Record details as well.
        #[arg(long, value_parser = ["key", "ip", "both"])]
        capture: Option<String>,
    },
    /// Record the study's guests into docs/report, and update docs/report.md.
    Report {
        /// Only make these recordings, by the names of their scripts in tests/report.
        names: Vec<String>,
    },
    /// Show exitstat at work: a guest reads its exit counts with CPUID.
    Demo {
        /// On a Debian host with Debian's kernel, exitstat's packages, and libvirt.
        #[arg(long)]
        host: bool,
        /// Count by BPF instead of the module, on an AMD host with an old kernel.
        #[arg(long, conflicts_with = "host")]
        bpf: bool,
    },
    /// Measure the cost of an exit per observer: a table, build/bench.json and build/bench.svg.
    Bench,
    /// Run the tests that need the lab.
    Test {
        /// Only run tests whose name contains one of these, from any suite.
        names: Vec<String>,
        /// The tests to run if none are named.
        #[arg(long, value_enum, default_value_t = Suite::Default)]
        suite: Suite,
        /// Only print the names.
        #[arg(long)]
        list: bool,
        /// The number of virtual machines that run at the same time.
        #[arg(long, default_value_t = 2)]
        jobs: usize,
        /// Only start tests that should end within this time, and list the others. Tests that still run some
        /// minutes after it are stopped and listed as well.
        #[arg(long, value_name = "MINUTES")]
        within: Option<u64>,
    },
}

#[derive(Args)]
struct RunArgs {
    /// The shell script to run in L1.
    #[arg(long, value_name = "FILE")]
    l1: Option<PathBuf>,
    /// A shell script to run in L2; may be repeated, L1 chooses one with `l2 -s NAME`.
    #[arg(long, value_name = "FILE")]
    l2: Vec<PathBuf>,
    /// L1's CPUs: one for exact costs, two for races.
    #[arg(long, default_value_t = 1)]
    cpus: u32,
    /// L2's vCPUs, unless L1 calls `l2 -n`.
    #[arg(long, default_value_t = 1)]
    l2_cpus: u32,
    /// Parameters for kvm_intel, such as 'ept=0'.
    #[arg(long, default_value = "", value_name = "PARAMETERS")]
    kvm_intel: String,
    /// Stop L1 after this time.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
    /// What runs L1 [default: kvm if the host has VMX and nested KVM, otherwise bochs].
    #[arg(long, env = "EXITSTAT_L0")]
    l0: Option<L0>,
    /// The configuration of L1's kernel.
    #[arg(long, value_enum, default_value_t = Flavour::Plain)]
    flavour: Flavour,
    /// Boot the newest Debian kernel of a series, such as 7.3/amd64 from trixie-backports. SERIES/plain boots it
    /// without exitstat's module; 6.12 and 6.1 are available only this way.
    #[arg(long, value_name = "SERIES/FLAVOUR", value_parser = stock, conflicts_with_all = ["flavour", "unpatched"])]
    stock: Option<Stock>,
    /// Boot the kernel without the patches.
    #[arg(long)]
    unpatched: bool,
    /// Copy the full qemu-system-x86_64 into L1, for `l2 -M q35`.
    #[arg(long)]
    full_qemu: bool,
    /// Copy the command exitstat into L1 and its guests.
    #[arg(long)]
    command: bool,
    /// Copy the KVM selftests of tests/lab/selftests/list into L1.
    #[arg(long)]
    selftests: bool,
    /// Copy the Debian guest of `make report` into L1, as /lab/debian; needs --memory 2048.
    #[arg(long)]
    debian: bool,
    /// Copy a file into L1, such as build/program:/usr/bin/program; may be repeated.
    #[arg(long, value_name = "SRC:DEST", value_parser = file)]
    file: Vec<(PathBuf, String)>,
    /// L1's memory in MiB [default: 1024; Bochs has at most 2048].
    #[arg(long, value_name = "MIB")]
    memory: Option<u32>,
    /// Options to append to L1's kernel command line.
    #[arg(long, value_name = "OPTIONS", default_value = "")]
    append: String,
}

/// Parses `SRC:DEST`: a regular file on this machine and its path in L1.
fn file(text: &str) -> Result<(PathBuf, String), String> {
    let (source, path) = text
        .rsplit_once(':')
        .ok_or("expected SRC:DEST, such as build/program:/usr/bin/program")?;
    if !Path::new(source).is_file() {
        return Err(format!("no such file: {source:?}"));
    }
    // The image is assembled in a directory on this machine. DEST must not leave it.
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
    // Leaks a few strings once per run.
    let leak = |text: &str| &*String::leak(text.to_owned());
    Ok(match flavour {
        "plain" => Stock::plain(leak(series)),
        _ => Stock {
            flavour: leak(flavour),
            ..Stock::amd64(leak(series))
        },
    })
}

/// Runs a command line.
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
    use super::{file, Cli};
    use clap::CommandFactory;
    use std::path::PathBuf;

    const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");

    #[test]
    fn the_help_of_run_explains_the_exit_status() {
        let mut cli = Cli::command();
        let run = cli.find_subcommand_mut("run").unwrap();
        let help = run.render_long_help().to_string();
        assert!(help.contains("124 after a timeout"), "{help}");
    }

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
