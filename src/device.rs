// SPDX-License-Identifier: GPL-2.0

//! `/dev/kvm_exitstat`: all counters as bytes, for programs of root's.
//!
//! What is in a snapshot, the request, and its errors are described in `rust/core/src/snapshot.rs`.
//! Nobody waits for a reader but vCPUs that have their first exit, or are destroyed, while counters
//! are copied into the kernel's own memory; into the caller's they go after that.

use super::{
    contents,
    snapshot::{
        Request,
        Writer,
        IOCTL_SNAPSHOT, //
    }, //
};
use kernel::{
    fs::File,
    miscdevice::{
        MiscDevice,
        MiscDeviceOptions,
        MiscDeviceRegistration, //
    },
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

/// The device; dropped, nobody can open it any more, and who has it open keeps the module.
pub(crate) type Registration = MiscDeviceRegistration<Device>;

/// Makes the device, for root alone; a udev rule can give it to others.
pub(crate) fn register() -> impl PinInit<Registration, Error> {
    MiscDeviceRegistration::register(MiscDeviceOptions {
        name: c"kvm_exitstat",
    })
}

/// What an open file has: nothing.
pub(crate) struct Device;

#[vtable]
impl MiscDevice for Device {
    type Ptr = KBox<Self>;

    fn open(_file: &File, _device: &Registration) -> Result<KBox<Self>> {
        Ok(KBox::new(Self, GFP_KERNEL)?)
    }

    fn ioctl(_: &Self, _file: &File, cmd: u32, arg: usize) -> Result<isize> {
        if cmd != IOCTL_SNAPSHOT {
            return Err(ENOTTY);
        }
        let user = UserSlice::new(UserPtr::from_addr(arg), Request::SIZE);
        let (mut reader, mut writer) = user.reader_writer();
        let mut bytes = [0; Request::SIZE];
        reader.read_slice(&mut bytes)?;
        let request = Request::read(&bytes).ok_or(EINVAL)?;
        if request.flags != 0 {
            return Err(EINVAL);
        }

        let (result, length) = snapshot_for(request)?;
        Request { length, ..request }.write(&mut Writer::new(&mut bytes));
        writer.write_slice(&bytes)?;
        result.map(|()| 0)
    }
}

/// Gives a snapshot to who asked for it. `E2BIG` comes with the bytes needed.
fn snapshot_for(request: Request) -> Result<(Result, u64)> {
    let mut size = contents::write(request.vm, &mut []);
    loop {
        if size as u64 > request.length {
            return Ok((Err(E2BIG), size as u64));
        }
        let mut bytes = KVVec::from_elem(0, size, GFP_KERNEL)?;
        let needed = contents::write(request.vm, &mut bytes);
        let Some(bytes) = bytes.get(..needed) else {
            // More came to be since it was measured.
            size = needed;
            continue;
        };
        let address = usize::try_from(request.buffer).map_err(|_| EFAULT)?;
        let buffer = UserSlice::new(UserPtr::from_addr(address), needed);
        buffer.writer().write_slice(bytes)?;
        return Ok((Ok(()), needed as u64));
    }
}
