// SPDX-License-Identifier: GPL-2.0

//! Failing allocations, one after another, alone or with all that follow. Uses `/proc/thread-self/fail-nth` and
//! `make-it-fail`: see the kernel's Documentation/fault-injection. The latter fails what failslab and
//! fail_page_alloc are configured for.

use crate::{guest::Program, measure::Measure};
use anyhow::{bail, ensure, Context, Result};
use rustix::{
    io::Errno,
    system::{delete_module, finit_module},
};
use std::{
    ffi::CString,
    fs::{self, File},
    os::unix::fs::FileExt,
    path::Path,
};

/// More allocations than anything here makes.
const LIMIT: u32 = 5000;
const NAME: &str = "kvm_exitstat";
const FILES: [&str; 7] = [
    "cpus", "details", "info", "log", "reasons", "totals", "vcpus",
];

/// Which allocations fail.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fail {
    /// Only the nth.
    One,
    /// The nth and all later ones.
    FromThere,
}

/// This thread's files. They stay open, because opening a file makes allocations, which would fail.
struct Failing {
    nth: File,
    all: File,
}

impl Failing {
    fn open() -> Result<Self> {
        let open = |name| {
            let path = Path::new("/proc/thread-self").join(name);
            let file = File::options().read(true).write(true).open(path);
            file.context("is the kernel built with CONFIG_FAULT_INJECTION?")
        };
        Ok(Self {
            nth: open("fail-nth")?,
            all: open("make-it-fail")?,
        })
    }

    /// Runs `what` with the `nth` allocation failing. The result includes whether there were that many.
    fn with<T>(&self, nth: u32, fail: Fail, what: impl FnOnce() -> T) -> Result<(T, bool)> {
        if fail == Fail::FromThere {
            // While the countdown to the nth runs, `make-it-fail` fails nothing.
            self.nth.write_all_at(LIMIT.to_string().as_bytes(), 0)?;
            self.all.write_all_at(b"1", 0)?;
        }
        self.nth.write_all_at(nth.to_string().as_bytes(), 0)?;
        let result = what();
        let mut left = [0; 16];
        let length = self.nth.read_at(&mut left, 0)?;
        self.nth.write_all_at(LIMIT.to_string().as_bytes(), 0)?;
        self.all.write_all_at(b"0", 0)?;
        self.nth.write_all_at(b"0", 0)?;
        Ok((result, left[..length].trim_ascii() == b"0"))
    }
}

/// Loads a module until no allocation is left to fail. Each load either fails with ENOMEM and leaves nothing
/// behind, or succeeds completely. Only debugfs files may be missing, because the kernel requires modules to
/// ignore such failures.
pub fn load(module: &Path, parameters: &str) -> Result<()> {
    let parameters = CString::new(parameters)?;
    let failing = Failing::open()?;
    let file = File::open(module).with_context(|| module.display().to_string())?;
    let (mut refused, mut whole, mut without_files) = (0, 0, 0);
    for nth in 1..LIMIT {
        let (result, injected) =
            failing.with(nth, Fail::One, || finit_module(&file, &parameters, 0))?;
        match result {
            Err(Errno::NOMEM) if injected => {
                refused += 1;
                ensure!(!is_loaded()?, "allocation {nth}: ENOMEM, and it is loaded");
                ensure!(
                    files() == 0,
                    "allocation {nth}: ENOMEM, and there are files"
                );
            }
            Ok(()) => {
                match files() {
                    n if n == FILES.len() => whole += 1,
                    _ if injected => without_files += 1,
                    _ => bail!("loaded, without its files"),
                }
                delete_module(c"kvm_exitstat", 0).context("delete_module")?;
                if !injected {
                    println!(
                        "{} allocations failed: {refused} loads refused, {without_files} without \
                         files in debugfs, {} whole",
                        nth - 1,
                        whole - 1
                    );
                    ensure!(refused > 0, "no allocation was failed at all");
                    return Ok(());
                }
            }
            Err(error) => bail!("allocation {nth}, failed: {injected}: {error}"),
        }
    }
    bail!("more than {LIMIT} allocations")
}

fn is_loaded() -> Result<bool> {
    let modules = fs::read_to_string("/proc/modules")?;
    Ok(modules
        .lines()
        .any(|line| line.split(' ').next() == Some(NAME)))
}

fn files() -> usize {
    let dir = Path::new("/sys/kernel/debug").join(NAME);
    FILES.iter().filter(|file| dir.join(file).exists()).count()
}

/// Runs guests that exist before the module is loaded, each with another allocation of its first KVM_RUN after
/// that failing, until none is left to fail. All later allocations fail too, because KVM has two ways to
/// allocate the counters. Either the guest's vCPU has counters, or it is included only in the host's totals and
/// in `unattached`. The totals are exact in both cases.
pub fn attach(module: &Path, parameters: &str) -> Result<()> {
    let parameters = CString::new(parameters)?;
    const COUNT: u64 = 50;
    // Plus three readings of the leaves.
    const EXITS: u64 = COUNT + 3;
    let failing = Failing::open()?;
    let file = File::open(module).with_context(|| module.display().to_string())?;
    let (mut alone, mut counted) = (0, 0);
    for nth in 1..LIMIT {
        let mut guest = Measure::new(Program::Cpuid, COUNT).prepare()?;
        // Allocations of KVM for a guest's first run are not tested here.
        guest.run()?;
        finit_module(&file, &parameters, 0).context("finit_module")?;
        guest.start_again()?;
        let (result, injected) = failing.with(nth, Fail::FromThere, || guest.run())?;
        let readings = result.with_context(|| format!("allocation {nth}, failed: {injected}"))?;
        let (before, after) = (
            crate::defined(readings.before)?,
            crate::defined(readings.after)?,
        );
        let expected = match after.exits.wrapping_sub(before.exits) {
            0 if injected => {
                alone += 1;
                1
            }
            n if n == COUNT + 1 => {
                counted += 1;
                0
            }
            n => bail!("allocation {nth}: the guest saw {n} exits"),
        };
        let (unattached, exits) = (total("unattached")?, total("10 CPUID")?);
        ensure!(
            unattached == expected && exits == EXITS,
            "allocation {nth}: {unattached} unattached, {exits} CPUID exits of {EXITS}"
        );
        delete_module(c"kvm_exitstat", 0).context("delete_module")?;
        if !injected {
            println!(
                "{} allocations failed: {alone} vCPUs were in the host's totals only, {counted} \
                 were counted one by one",
                nth - 1
            );
            ensure!(alone > 0, "no vCPU's memory was failed");
            return Ok(());
        }
    }
    bail!("more than {LIMIT} allocations")
}

/// Returns the first number after `what` in the host's totals.
fn total(what: &str) -> Result<u64> {
    let totals = fs::read_to_string("/sys/kernel/debug/kvm_exitstat/totals")?;
    let rest = totals
        .lines()
        .find_map(|line| line.strip_prefix(what)?.strip_prefix(' '));
    let word = rest.and_then(|rest| rest.split(' ').next());
    Ok(word.with_context(|| format!("no line {what}"))?.parse()?)
}
