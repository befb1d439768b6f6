// SPDX-License-Identifier: GPL-2.0

//! The clock for measurements.

use core::time::Duration;

/// Returns the CPU time of this thread, which other programs disturb less than wall time.
///
/// # Panics
///
/// Panics if the system has no such clock.
#[must_use]
pub fn time_on_cpu() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is valid for writes.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(result, 0, "clock_gettime");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
