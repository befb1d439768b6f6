// SPDX-License-Identifier: GPL-2.0

//! What time is measured with.

use core::time::Duration;

/// The time that this thread has had on a CPU: less disturbed by what else runs than the clock.
///
/// # Panics
///
/// The system has no such clock.
#[must_use]
pub fn time_on_cpu() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: It is there to be written.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(result, 0, "clock_gettime");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
