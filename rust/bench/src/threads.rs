// SPDX-License-Identifier: GPL-2.0

//! Measurements on several of the machine's CPUs concurrently.

use crate::{
    clock::time_on_cpu,
    host::{Host, MOST_CPUS},
    load::Load,
    recorder::Record,
};
use core::{
    hint::spin_loop,
    mem::{size_of, MaybeUninit},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};
use std::{
    io,
    thread::{available_parallelism, scope},
};

/// Returns the CPUs that this process may use, by the machine's numbers.
///
/// # Errors
///
/// Fails if the system does not report them.
pub fn cpus() -> io::Result<Vec<usize>> {
    let mut set = MaybeUninit::<libc::cpu_set_t>::zeroed();
    // SAFETY: The set has room for this size, and all zeros is a valid set.
    let set = unsafe {
        match libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), set.as_mut_ptr()) {
            0 => set.assume_init(),
            _ => return Err(io::Error::last_os_error()),
        }
    };
    let most = available_parallelism()?.get().min(MOST_CPUS as usize);
    let allowed = |&cpu: &usize| {
        // SAFETY: All numbers below the set's size are valid.
        unsafe { libc::CPU_ISSET(cpu, &set) }
    };
    let cpus = (0..libc::CPU_SETSIZE as usize).filter(allowed);
    Ok(cpus.take(most).collect())
}

/// Returns the numbers of CPUs to measure: powers of two, and all.
#[must_use]
pub fn ladder(cpus: usize) -> Vec<usize> {
    let mut steps: Vec<_> = (0..usize::BITS).map(|bit| 1 << bit).collect();
    steps.retain(|&step| step < cpus);
    steps.push(cpus);
    steps
}

fn pin(cpu: usize) -> io::Result<()> {
    // SAFETY: All zeros is a valid set.
    let mut set = unsafe { MaybeUninit::<libc::cpu_set_t>::zeroed().assume_init() };
    // SAFETY: `cpu` comes from a set.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    // SAFETY: The set has this size.
    match unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Number of exits after which the threads synchronize, so that they record concurrently even if
/// other programs use the CPUs. They take some 30 µs, of which the clock takes less than one.
const AT_ONCE: u64 = 16 * Load::EXITS;

/// On each of the machine's `cpus` concurrently, a thread records `exits` exits with the recorder
/// of its number. Returns the average CPU time per thread.
///
/// # Panics
///
/// Panics if a thread cannot be bound to its CPU.
pub fn time<R: Record>(
    host: &Host,
    cpus: &[usize],
    load: &Load,
    exits: u64,
    recorder: impl Fn(u32) -> R + Sync,
) -> Duration {
    let ready = &AtomicUsize::new(0);
    let recorder = &recorder;
    let total: Duration = scope(|scope| {
        let threads: Vec<_> = (0..)
            .zip(cpus)
            .map(|(number, &cpu)| {
                scope.spawn(move || {
                    pin(cpu).expect("the thread can be bound to its CPU");
                    let cpu = host.cpu(number);
                    let recorder = recorder(number);
                    // Warms up the caches for each measurement.
                    recorder.record(&cpu, load, Load::EXITS);
                    let (mut left, mut time) = (exits, Duration::ZERO);
                    for round in 1.. {
                        let now = left.min(AT_ONCE);
                        ready.fetch_add(1, Relaxed);
                        while ready.load(Relaxed) < round * cpus.len() {
                            spin_loop();
                        }
                        let begin = time_on_cpu();
                        recorder.record(&cpu, load, now);
                        time += time_on_cpu() - begin;
                        left -= now;
                        if left == 0 {
                            break;
                        }
                    }
                    time
                })
            })
            .collect();
        let times = threads.into_iter().map(|thread| thread.join());
        times.map(|time| time.expect("the thread ends well")).sum()
    });
    total / cpus.len() as u32
}
