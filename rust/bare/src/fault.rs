// SPDX-License-Identifier: GPL-2.0

//! Allocations that fail, one after the other, alone or with all that follow it
//! (`/proc/thread-self/fail-nth` and `make-it-fail`, see the kernel's Documentation/fault-injection;
//! the latter fails what failslab and fail_page_alloc are set up for).

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

/// More than anything here allocates.
const LIMIT: u32 = 5000;
const NAME: &str = "kvm_exitstat";
const FILES: [&str; 7] = [
    "cpus", "details", "info", "log", "reasons", "totals", "vcpus",
];

/// Which allocations fail.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fail {
    /// The nth.
    One,
    /// The nth, and all that follow.
    FromThere,
}

/// This thread's files, held open: to open a file takes allocations, which would fail.
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

    /// Does `what` with the `nth` allocation failed. True if there were so many.
    fn with<T>(&self, nth: u32, fail: Fail, what: impl FnOnce() -> T) -> Result<(T, bool)> {
        if fail == Fail::FromThere {
            // What follows while the nth is still to come does not fail.
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

/// Loads a module until no allocation is left to fail. A load either fails with ENOMEM and leaves
/// nothing, or is whole; debugfs files alone may be missing, as the kernel wants nobody to fail for
/// want of them.
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

/// Runs guests that are there before the module is loaded, each with another allocation failed of its
/// first KVM_RUN after that, and all that follow (one alone is made up for: there are two ways to
/// have as much memory), until none is left to fail. A guest's vCPU then is counted one by one, or
/// is in the host's totals only, and `unattached` says so; these are exact in both cases.
pub fn attach(module: &Path, parameters: &str) -> Result<()> {
    let parameters = CString::new(parameters)?;
    const COUNT: u64 = 50;
    // And three readings of the leaves.
    const EXITS: u64 = COUNT + 3;
    let failing = Failing::open()?;
    let file = File::open(module).with_context(|| module.display().to_string())?;
    let (mut alone, mut counted) = (0, 0);
    for nth in 1..LIMIT {
        let mut guest = Measure::new(Program::Cpuid, COUNT).prepare()?;
        // What KVM allocates for a guest's first run is not at issue.
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

/// The first number after `what` in the host's totals.
fn total(what: &str) -> Result<u64> {
    let totals = fs::read_to_string("/sys/kernel/debug/kvm_exitstat/totals")?;
    let rest = totals
        .lines()
        .find_map(|line| line.strip_prefix(what)?.strip_prefix(' '));
    let word = rest.and_then(|rest| rest.split(' ').next());
    Ok(word.with_context(|| format!("no line {what}"))?.parse()?)
}
