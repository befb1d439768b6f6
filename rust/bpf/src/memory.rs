// SPDX-License-Identifier: GPL-2.0

//! The programs' memory, mapped into this process.

use crate::{error::Error, layout::Shared};
use libbpf_rs::MapCore;
use rustix::mm::{mmap, munmap, MapFlags, ProtFlags};
use std::{ffi::c_void, marker::PhantomData, ops::Deref, ptr, slice};

/// A kernel map, mapped into this process for reading.
#[derive(Debug)]
pub struct Mapped<T> {
    address: *mut c_void,
    length: usize,
    elements: usize,
    of: PhantomData<T>,
}

impl<T: Shared> Mapped<T> {
    /// Maps a BPF array whose only value consists of `elements` elements. Returns `None` if it has
    /// another size.
    pub fn of(map: &impl MapCore, elements: u32) -> Result<Option<Self>, Error> {
        let bytes = elements as usize * size_of::<T>();
        if map.value_size() as usize != bytes {
            return Ok(None);
        }
        // Whole pages, like libbpf. They exist, because the kernel allocates whole pages.
        let length = bytes.next_multiple_of(rustix::param::page_size());
        // SAFETY: the kernel chooses a free address for the new mapping, so it replaces nothing.
        let address = unsafe {
            mmap(
                ptr::null_mut(),
                length,
                ProtFlags::READ,
                MapFlags::SHARED,
                map.as_fd(),
                0,
            )
        };
        Ok(Some(Self {
            address: address.map_err(|errno| Error::Map(errno.into()))?,
            length,
            elements: elements as usize,
            of: PhantomData,
        }))
    }
}

impl<T: Shared> Deref for Mapped<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the mapping is page-aligned, has room for this many elements and lives as long as
        // `self`. `Shared` types may have any bytes, and may be changed by others while they are
        // borrowed.
        unsafe { slice::from_raw_parts(self.address.cast(), self.elements) }
    }
}

impl<T> Drop for Mapped<T> {
    fn drop(&mut self) {
        // SAFETY: `new()` mapped it, and all borrows have ended. If this fails, it stays mapped.
        let _ = unsafe { munmap(self.address, self.length) };
    }
}
