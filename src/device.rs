// SPDX-License-Identifier: GPL-2.0

//! `/dev/kvm_exitstat`: all counters as bytes, for programs run by root.
//!
//! `rust/core/src/snapshot.rs` describes the snapshot, the request, and its errors.

use super::{
    capture::{
        Capture,
        Failed, //
    },
    contents::What,
    ffi,
    snapshot::{
        Request,
        Writer,
        IOCTL_SNAPSHOT,
        REQUEST_DETAILS, //
    }, //
};
use kernel::{
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

/// Handles the device's only command.
pub(crate) fn ioctl(cmd: u32, arg: usize) -> Result {
    if cmd != IOCTL_SNAPSHOT {
        return Err(ENOTTY);
    }
    let user = UserSlice::new(UserPtr::from_addr(arg), Request::SIZE);
    let (mut reader, mut writer) = user.reader_writer();
    let mut bytes = [0; Request::SIZE];
    reader.read_slice(&mut bytes)?;
    let request = Request::read(&bytes).ok_or(EINVAL)?;
    if request.flags & !REQUEST_DETAILS != 0 {
        return Err(EINVAL);
    }
    if request.flags & REQUEST_DETAILS != 0 && !ffi::may_see_details() {
        return Err(EPERM);
    }

    let (result, length) = snapshot_for(request)?;
    Request { length, ..request }.write(&mut Writer::new(&mut bytes));
    writer.write_slice(&bytes)?;
    result
}

/// Copies a snapshot to the caller. `E2BIG` is returned along with the bytes needed.
fn snapshot_for(request: Request) -> Result<(Result, u64)> {
    let what = match request.vm {
        0 => What::All,
        vm => What::Vm(vm),
    };
    let snapshot = match Capture::take(what, request.flags & REQUEST_DETAILS != 0, request.length) {
        Ok(snapshot) => snapshot,
        Err(Failed::TooLarge(size)) => return Ok((Err(E2BIG), size as u64)),
        Err(Failed::Error(error)) => return Err(error),
    };
    let bytes = snapshot.bytes();
    let address = usize::try_from(request.buffer).map_err(|_| EFAULT)?;
    let buffer = UserSlice::new(UserPtr::from_addr(address), bytes.len());
    buffer.writer().write_slice(bytes)?;
    Ok((Ok(()), bytes.len() as u64))
}
