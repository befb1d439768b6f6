// SPDX-License-Identifier: GPL-2.0

//! A real-time task that takes the CPU away from a vCPU's thread at any point.

use anyhow::{ensure, Result};
use std::time::{Duration, Instant};

/// Is busy for `busy` of each `period`. SCHED_FIFO preempts immediately, even in an exit handler. A fair task
/// would wait until the handler ends.
pub fn run(busy: Duration, period: Duration) -> Result<()> {
    ensure!(busy < period, "the hog must sleep sometimes");
    let parameters = SchedParam { priority: 10 };
    // SAFETY: The structure is the argument that sched_setscheduler(2) expects.
    let result = unsafe { sched_setscheduler(0, SCHED_FIFO, &parameters) };
    ensure!(result == 0, std::io::Error::last_os_error());
    let mut next = Instant::now();
    loop {
        let end = Instant::now() + busy;
        while Instant::now() < end {
            std::hint::spin_loop();
        }
        next += period;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

const SCHED_FIFO: i32 = 1;

#[repr(C)]
struct SchedParam {
    priority: i32,
}

extern "C" {
    fn sched_setscheduler(pid: i32, policy: i32, parameters: *const SchedParam) -> i32;
}
