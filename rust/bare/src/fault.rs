// SPDX-License-Identifier: GPL-2.0

//! Allocations that fail, one after the other (`/proc/thread-self/fail-nth`, see the kernel's
//! Documentation/fault-injection).

use crate::{
    guest::Program,
    late::Late,
    measure::{Measure, Readings},
};
use anyhow::{bail, ensure, Context, Result};
use rustix::{
    io::Errno,
    system::{delete_module, finit_module},
};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::FileExt,
    path::Path,
    time::Duration,
};

const FAIL_NTH: &str = "/proc/thread-self/fail-nth";
/// More than anything here allocates.
const LIMIT: u32 = 5000;
const NAME: &str = "kvm_exitstat";
const FILES: [&str; 2] = ["totals", "vcpus"];

/// This thread's fail-nth, held open: to open a file takes allocations, which would fail.
struct FailNth(File);

impl FailNth {
    fn open() -> Result<Self> {
        let file = File::options().read(true).write(true).open(FAIL_NTH);
        Ok(Self(file.context(
            "fail-nth: is the kernel built with CONFIG_FAULT_INJECTION?",
        )?))
    }

    /// Does `what` with the `nth` allocation failed. True if there were so many.
    fn with<T>(&self, nth: u32, what: impl FnOnce() -> T) -> Result<(T, bool)> {
        let text = nth.to_string();
        self.0.write_all_at(text.as_bytes(), 0)?;
        let result = what();
        let mut left = [0; 16];
        let length = self.0.read_at(&mut left, 0)?;
        self.0.write_all_at(b"0", 0)?;
        Ok((result, left[..length].trim_ascii() == b"0"))
    }
}

/// Loads a module until no allocation is left to fail. A load either fails with ENOMEM and leaves
/// nothing, or is whole; debugfs files alone may be missing, as the kernel wants nobody to fail for
/// want of them.
pub fn load(module: &Path) -> Result<()> {
    let fail_nth = FailNth::open()?;
    let file = File::open(module).with_context(|| module.display().to_string())?;
    let (mut refused, mut whole, mut without_files) = (0, 0, 0);
    for nth in 1..LIMIT {
        let (result, injected) = fail_nth.with(nth, || finit_module(&file, c"", 0))?;
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

/// Runs a guest until no allocation is left to fail. The guest's vCPU then either cannot run, for
/// want of memory that KVM needs, or is counted one by one, or is in the host's totals only: then
/// `unattached` says so.
pub fn attach() -> Result<()> {
    const COUNT: u64 = 50;
    let fail_nth = FailNth::open()?;
    let before = unattached()?;
    let (mut refused, mut alone, mut counted) = (0u64, 0, 0);
    let mut errors = BTreeMap::<String, u64>::new();
    for nth in 1..LIMIT {
        let guest = Measure {
            program: Program::Cpuid,
            count: COUNT,
            late: Late::By(Duration::ZERO),
            question: (0, 0),
            vcpus: 1,
        }
        .prepare()?;
        let (result, injected) = fail_nth.with(nth, || guest.run())?;
        if nth % 20 == 0 {
            eprintln!("{nth} allocations failed");
        }
        match result {
            Err(error) if injected => {
                refused += 1;
                *errors.entry(format!("{error:#}")).or_default() += 1;
            }
            Err(error) => return Err(error),
            Ok(Readings { before, after, .. }) => {
                let (before, after) = (crate::defined(before)?, crate::defined(after)?);
                match after.exits.wrapping_sub(before.exits) {
                    0 if injected => alone += 1,
                    n if n == COUNT + 1 => counted += 1,
                    n => bail!("allocation {nth}: {n} exits"),
                }
                if !injected {
                    break;
                }
            }
        }
    }
    let said = unattached()? - before;
    println!(
        "{refused} guests could not run, {alone} were not attached (unattached says {said}), \
         {counted} were counted one by one"
    );
    for (error, times) in errors {
        println!("{times} times: {error}");
    }
    ensure!(
        said == alone && alone > 0 && counted > 0,
        "not as it should be"
    );
    Ok(())
}

fn unattached() -> Result<u64> {
    let totals = fs::read_to_string("/sys/kernel/debug/kvm_exitstat/totals")?;
    let line = totals
        .lines()
        .find_map(|line| line.strip_prefix("unattached "));
    Ok(line.context("no line unattached")?.parse()?)
}
