// SPDX-License-Identifier: GPL-2.0

// Included by `src/ffi.rs`.
pub use crate::shim::*;
