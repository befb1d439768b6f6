// SPDX-License-Identifier: GPL-2.0

//! Where samples come from: the running module, or a recording.

pub mod device;
pub mod recording;
