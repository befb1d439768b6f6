// SPDX-License-Identifier: GPL-2.0

//! `/dev/kvm_exitstat`: the counters of the running module.

/// Why the counters cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);
