// SPDX-License-Identifier: GPL-2.0

//! The module's files: `/sys/kernel/debug/kvm_exitstat/` and `/dev/kvm_exitstat`.
//!
//! The C side creates them with the module as their owner, see `files_glue.c`.

use super::{
    debugfs::Text,
    device,
    ffi,
    log, //
};
use kernel::{
    error::to_result,
    ffi::c_void,
    prelude::*,
    seq_file::SeqFile,
    seq_print, //
};

/// Created files. Removed when dropped.
pub(crate) struct Registration(());

impl Registration {
    /// Creates the files.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: `FILES` is static, and its functions may sleep and be called at any time.
        to_result(unsafe { ffi::exitstat_files_create(&FILES) })?;
        Ok(Self(()))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // SAFETY: `new()` created them.
        unsafe { ffi::exitstat_files_remove() }
    }
}

static FILES: ffi::exitstat_files = ffi::exitstat_files {
    show: Some(show),
    log: Some(log_now),
    ioctl: Some(ioctl),
};

extern "C" fn show(seq_file: *mut c_void, text: ffi::exitstat_text) -> i32 {
    // SAFETY: The C side passes the `seq_file` of the file being read, which is locked for this
    // call.
    let file = unsafe { SeqFile::from_raw(seq_file.cast()) };
    seq_print!(file, "{}", Text(text));
    0
}

extern "C" fn log_now() {
    log::print_table();
}

extern "C" fn ioctl(cmd: u32, arg: u64) -> i64 {
    // An address has the size of a `usize` on x86-64.
    match device::ioctl(cmd, arg as usize) {
        Ok(()) => 0,
        Err(error) => error.to_errno().into(),
    }
}
