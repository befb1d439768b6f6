// SPDX-License-Identifier: GPL-2.0

//! One run of L1, with its guests.

use crate::{
    debian,
    flavour::Flavour,
    host::{self, Host},
    image::{self, Bootable, Guest, L1Image},
    kernel,
    l0::{Machine, L0},
    module,
    report::Report,
    selftests,
    stock::Stock,
    workspace::Workspace,
};
use anyhow::{ensure, Context, Result};
use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Child, ExitCode},
    time::{Duration, Instant},
};

/// Error of Bochs if its display, a server, cannot bind a port.
const NO_PORT: &str = "RFB could not bind any port";

/// Parameters of a run.
pub struct Run {
    /// Script for L1. Without one, L1 boots L2.
    pub l1: Option<String>,
    pub l2: Vec<Guest>,
    pub cpus: u32,
    pub l2_cpus: u32,
    pub kvm_intel: String,
    pub timeout: Duration,
    /// Time at which to stop it early.
    pub end: Option<Instant>,
    pub l0: Option<L0>,
    pub flavour: Flavour,
    /// Boot this Debian kernel instead of one of the lab's.
    pub stock: Option<Stock>,
    /// Boot a Debian host with a Debian kernel.
    pub host: Option<Host>,
    pub unpatched: bool,
    pub full_qemu: bool,
    /// Put the command `exitstat` into L1 and its guests.
    pub command: bool,
    /// Put the kernel's KVM selftests into L1.
    pub selftests: bool,
    /// Put the Debian guest into L1, in `/lab/debian`.
    pub debian: bool,
    /// Modules of more kernels: L1 gets their kvm modules in `/lab/NAME`.
    pub kvms: Vec<(&'static str, PathBuf)>,
    /// More files for L1, each with its destination.
    pub files: Vec<(PathBuf, String)>,
    /// More programs of this machine for L1, by their paths.
    pub tools: Vec<&'static str>,
    pub append: String,
    /// Lines of `NAME=value`, which scripts get as variables.
    pub env: String,
    /// L1's memory in MiB; 1024 if `None`.
    pub memory: Option<u32>,
    /// Print L1's console while it runs.
    pub echo: bool,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            l1: None,
            l2: Vec::new(),
            cpus: 1,
            l2_cpus: 1,
            kvm_intel: String::new(),
            timeout: Duration::from_secs(600),
            end: None,
            l0: None,
            flavour: Flavour::Plain,
            stock: None,
            host: None,
            unpatched: false,
            full_qemu: false,
            command: false,
            selftests: false,
            debian: false,
            kvms: Vec::new(),
            files: Vec::new(),
            tools: Vec::new(),
            append: String::new(),
            env: String::new(),
            memory: None,
            echo: false,
        }
    }
}

/// Outcome of a run.
pub struct Outcome {
    /// Everything that L1 printed, including its guests' consoles.
    pub console: String,
    pub report: Report,
    /// Exit status of the L1 script; `None` if L1 did not finish.
    pub status: Option<u8>,
    pub timed_out: bool,
    /// L0's messages, if any.
    pub l0_log: String,
}

impl Outcome {
    /// Returns the exit code that `lab run --help` describes.
    pub fn exit_code(&self) -> ExitCode {
        match self.status {
            Some(status) => ExitCode::from(status),
            None if self.timed_out => {
                eprintln!("lab: L1 was stopped: its time was over");
                ExitCode::from(124)
            }
            None => {
                eprintln!("lab: L1 ended without a report; L0 said:\n{}", self.l0_log);
                ExitCode::from(2)
            }
        }
    }
}

impl Run {
    /// Builds whatever is missing, boots L1 and waits until it ends.
    pub fn boot(&self, workspace: &Workspace) -> Result<Outcome> {
        ensure!(
            self.flavour.boots(),
            "a kernel of this flavour is compiled in part, and does not boot"
        );
        let l0 = self.l0.unwrap_or_else(L0::choose);
        let memory = self.memory.unwrap_or(1024);
        l0.check_memory(memory)?;
        if let Some(host) = self.host {
            return self.boot_host(workspace, host, l0, memory);
        }
        let (kernel, ours, unpatched) = self.kernel(workspace)?;
        let mut kvms = vec![("unpatched", unpatched)];
        kvms.extend(self.kvms.iter().cloned());
        let guest = kernel::patched(workspace, Flavour::Plain)?.image();
        let mut programs = vec![(
            "bare",
            module::build_static(workspace, "exitstat-bare", "bare")?,
        )];
        let mut guest_programs = Vec::new();
        if self.command {
            let exitstat = module::build_static(workspace, "exitstat", "exitstat")?;
            programs.push(("exitstat", exitstat.clone()));
            guest_programs.push(("exitstat", exitstat));
        }
        let (mut files, mut tools) = (self.files.clone(), self.tools.clone());
        if self.selftests {
            files.extend(selftests::files(workspace)?);
        }
        if self.debian {
            files.extend(debian::files(workspace)?);
            tools.push(debian::TOOL);
        }
        let dir = tempfile::Builder::new().prefix("exitstat-lab-").tempdir()?;
        let modules = dir.path().join("modules");
        image::install_modules(&kernel, &ours, &modules)?;

        let l2_script = self.l2.first().map_or("none", |guest| guest.name.as_str());
        let initrd = L1Image {
            workspace,
            kernel: &kernel,
            modules: &modules,
            script: self.l1.as_deref().unwrap_or(":"),
            guests: &self.l2,
            env: &format!(
                "set -a\nKVM_INTEL='{}'\nL2_CPUS={}\nL2_SCRIPT={l2_script}\n{}\nset +a\n",
                self.kvm_intel, self.l2_cpus, self.env,
            ),
            full_qemu: self.full_qemu,
            programs: &programs,
            guest_programs: &guest_programs,
            files: &files,
            tools: &tools,
            kvms: &kvms,
            guest_kernel: &guest,
        }
        .pack(dir.path())?;

        // Idle CPUs must halt: in Bochs, a CPU in MWAIT sometimes misses another CPU's write and sleeps on.
        let append = format!(
            "console=ttyS0,115200 quiet loglevel=3 panic=-1 oops=panic idle=halt {} {}",
            self.flavour.append(),
            self.append
        );
        let machine = Machine {
            cpus: self.cpus,
            memory,
            instructions_per_second: self.flavour.instructions_per_second(),
            kernel: &kernel.image,
            initrd: &initrd,
            disk: None,
            append: &append,
        };
        self.launch(workspace, l0, &machine, dir.path())
    }

    /// Boots a Debian host and waits until it ends.
    fn boot_host(&self, workspace: &Workspace, host: Host, l0: L0, memory: u32) -> Result<Outcome> {
        let dir = tempfile::Builder::new()
            .prefix("exitstat-host-")
            .tempdir()?;
        let disks = host.prepare(workspace, dir.path())?;
        let machine = Machine {
            cpus: self.cpus,
            memory,
            instructions_per_second: Flavour::Plain.instructions_per_second(),
            kernel: &disks.kernel,
            initrd: &disks.initrd,
            disk: Some(&disks.root),
            append: &format!("{} {}", host::APPEND, self.append),
        };
        self.launch(workspace, l0, &machine, dir.path())
    }

    /// Starts the machine and waits until it ends. `dir` is the run's own directory.
    fn launch(
        &self,
        workspace: &Workspace,
        l0: L0,
        machine: &Machine<'_>,
        dir: &Path,
    ) -> Result<Outcome> {
        loop {
            for file in ["console", "report"] {
                File::create(dir.join(file))?;
            }
            let mut command = l0.command(workspace, machine, dir)?;
            let program = command.get_program().to_string_lossy().into_owned();
            let child = command
                .spawn()
                .with_context(|| format!("cannot start {program}"))?;
            let outcome = self.wait(child, dir)?;
            // If two start at the same time, both may fail to find a port for their displays, which nobody
            // uses.
            if !(outcome.console.is_empty() && outcome.l0_log.contains(NO_PORT)) {
                return Ok(outcome);
            }
        }
    }

    /// Returns the kernel to boot, exitstat's modules for it, and the kernel's own modules without the shim.
    fn kernel(&self, workspace: &Workspace) -> Result<(Bootable, Vec<PathBuf>, PathBuf)> {
        if let Some(stock) = self.stock {
            let built = stock.build(workspace)?;
            let kernel = built.bootable();
            let unpatched = kernel.modules.clone();
            return Ok((kernel, built.modules(), unpatched));
        }
        let built = module::build(workspace, self.flavour, false)?;
        let unpatched = kernel::unpatched(workspace, self.flavour)?;
        let mut ours = built.tests;
        ours.push(built.module);
        let boots = if self.unpatched {
            &unpatched
        } else {
            &built.kernel
        };
        Ok((boots.bootable()?, ours, unpatched.modules()))
    }

    fn wait(&self, mut child: Child, dir: &Path) -> Result<Outcome> {
        let timeout = Instant::now() + self.timeout;
        let deadline = self.end.map_or(timeout, |end| end.min(timeout));
        let mut console = Tail::new(dir.join("console"), self.echo)?;
        let mut timed_out = false;
        while child.try_wait()?.is_none() {
            console.read()?;
            if Instant::now() > deadline {
                timed_out = true;
                child.kill()?;
                child.wait()?;
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        console.read()?;
        let text = read_lossy(&dir.join("report"))?;
        let report = Report::parse(&text);
        let status = report.get("exit").and_then(|text| text.trim().parse().ok());
        let mut l0_log = read_lossy(&dir.join("l0.log"))?;
        // Bochs also writes messages to the report.
        l0_log += text.split("@begin ").next().unwrap_or_default();
        if let Ok(log) = read_lossy(&dir.join("bochs.log")) {
            let bad = log
                .lines()
                .filter(|line| line.contains("PANIC") || line.contains(">>"));
            l0_log.extend(bad.flat_map(|line| [line, "\n"]));
        }
        Ok(Outcome {
            console: console.text(),
            report,
            status,
            timed_out,
            l0_log,
        })
    }
}

fn read_lossy(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Follows a growing file.
struct Tail {
    file: File,
    bytes: Vec<u8>,
    echo: bool,
}

impl Tail {
    fn new(path: PathBuf, echo: bool) -> Result<Self> {
        Ok(Self {
            file: File::open(path)?,
            bytes: Vec::new(),
            echo,
        })
    }

    fn read(&mut self) -> Result<()> {
        let seen = self.bytes.len();
        self.file.read_to_end(&mut self.bytes)?;
        if self.echo && self.bytes.len() > seen {
            let new: Vec<u8> = self.bytes[seen..]
                .iter()
                .copied()
                .filter(|&b| b != b'\r')
                .collect();
            let mut out = std::io::stdout().lock();
            out.write_all(&new)?;
            out.flush()?;
        }
        Ok(())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).replace('\r', "")
    }
}
