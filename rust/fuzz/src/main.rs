// SPDX-License-Identifier: GPL-2.0

//! libFuzzer's program. `EXITSTAT_FUZZ` names the target.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("EXITSTAT_FUZZ").unwrap_or_default();
    let found = exitstat_fuzz::TARGETS.iter().find(|(n, _)| *n == name);
    found.expect("EXITSTAT_FUZZ names a target").1
});

fuzz_target!(|data: &[u8]| TARGET(data));
