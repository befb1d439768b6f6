// SPDX-License-Identifier: GPL-2.0

//! Checks which requests `/dev/kvm_exitstat` rejects.

use crate::tsc;
use anyhow::{bail, ensure, Context, Result};
use exitstat_core::snapshot::{Request, Snapshot, Writer, IOCTL_SNAPSHOT};
use rustix::{
    io::Errno,
    mm::{mmap_anonymous, MapFlags, ProtFlags},
};
use std::{
    fs::File,
    io::{Error, Read, Write},
    os::raw::c_void,
};
use vmm_sys_util::ioctl::ioctl_with_mut_ptr;

const PATH: &str = "/dev/kvm_exitstat";
/// Initial content of buffers, to detect writes.
const FILLING: u8 = 0xa5;

/// Makes every kind of bad request and prints each error. Fails if an error differs from the ABI, or if
/// anything was written that should not have been. No guest may run meanwhile.
pub fn refuses() -> Result<()> {
    let device = open()?;
    let whole = snapshot(&device)?;
    let size = whole.len();

    expect("another request", Errno::NOTTY, || {
        ask(&device, IOCTL_SNAPSHOT + 1, &mut request(&mut []))
    })?;
    expect("a request of another size", Errno::NOTTY, || {
        ask(&device, IOCTL_SNAPSHOT ^ (8 << 16), &mut request(&mut []))
    })?;
    let mut buffer = vec![FILLING; size];
    expect("flags", Errno::INVAL, || {
        let mut request = request(&mut buffer);
        request.flags = 2;
        ask(&device, IOCTL_SNAPSHOT, &mut request)
    })?;
    expect("a request at NULL", Errno::FAULT, || {
        ask_at(&device, IOCTL_SNAPSHOT, std::ptr::null_mut())
    })?;
    expect("a request that may not be written", Errno::FAULT, || {
        let (prot, flags) = (ProtFlags::READ, MapFlags::PRIVATE);
        // SAFETY: The kernel chooses a free address.
        let page = unsafe { mmap_anonymous(std::ptr::null_mut(), 4096, prot, flags) }?;
        ask_at(&device, IOCTL_SNAPSHOT, page)
    })?;
    expect("a buffer at NULL", Errno::FAULT, || {
        let mut request = request(&mut []);
        request.length = size as u64;
        ask(&device, IOCTL_SNAPSHOT, &mut request)
    })?;
    expect("a buffer in the kernel", Errno::FAULT, || {
        let mut request = request(&mut []);
        (request.buffer, request.length) = (0xffff_8880_0000_0000, size as u64);
        ask(&device, IOCTL_SNAPSHOT, &mut request)
    })?;
    for length in [0, 1, size - 1] {
        expect(&format!("{length} of {size} bytes"), Errno::TOOBIG, || {
            let mut request = request(&mut buffer[..length]);
            let result = ask(&device, IOCTL_SNAPSHOT, &mut request);
            if request.length != size as u64 {
                return Err(Error::other(format!("length {}", request.length)));
            }
            result
        })?;
    }
    ensure!(
        buffer.iter().all(|&byte| byte == FILLING),
        "a buffer was written to"
    );
    let (mut read, mut written) = (open()?, [0; 8]);
    expect("read()", Errno::INVAL, || read.read(&mut written).map(drop))?;
    expect("write()", Errno::INVAL, || read.write(&written).map(drop))?;

    // With a buffer of exactly the right size, the counters are the same as before.
    let mut request = request(&mut buffer);
    ask(&device, IOCTL_SNAPSHOT, &mut request).context("a buffer of the size")?;
    ensure!(request.length == size as u64, "length {}", request.length);
    ensure!(records(&buffer) == records(&whole), "counters changed");
    println!("a buffer of {size} bytes: taken");
    Ok(())
}

/// Takes a snapshot and prints its size and the TSC cycles that it took.
pub fn time() -> Result<()> {
    let device = open()?;
    let mut buffer = vec![0; snapshot(&device)?.len() + 4096];
    let mut request = request(&mut buffer);
    let begin = tsc::now();
    ask(&device, IOCTL_SNAPSHOT, &mut request)?;
    let cycles = tsc::now() - begin;
    println!("bytes {}\ncycles {cycles}", request.length);
    Ok(())
}

/// Takes a snapshot and writes it to standard output.
pub fn dump() -> Result<()> {
    std::io::stdout().write_all(&snapshot(&open()?)?)?;
    Ok(())
}

fn open() -> Result<File> {
    File::options()
        .read(true)
        .write(true)
        .open(PATH)
        .context(PATH)
}

fn request(buffer: &mut [u8]) -> Request {
    Request {
        vm: 0,
        buffer: buffer.as_mut_ptr() as u64,
        length: buffer.len() as u64,
        flags: 0,
    }
}

/// Returns the bytes after the header, which contains the time.
fn records(bytes: &[u8]) -> Option<&[u8]> {
    let header = Snapshot::parse(bytes).ok()?.header;
    bytes.get(header.header_size as usize..)
}

fn snapshot(device: &File) -> Result<Vec<u8>> {
    let mut buffer = vec![0; 1 << 20];
    let mut request = request(&mut buffer);
    ask(device, IOCTL_SNAPSHOT, &mut request).context("a snapshot")?;
    buffer.truncate(request.length as usize);
    ensure!(Snapshot::parse(&buffer).is_ok(), "what came is no snapshot");
    Ok(buffer)
}

fn ask(device: &File, number: u32, request: &mut Request) -> Result<(), Error> {
    let mut bytes = [0; Request::SIZE];
    request.write(&mut Writer::new(&mut bytes));
    let result = ask_at(device, number, bytes.as_mut_ptr().cast());
    if let Some(answer) = Request::read(&bytes) {
        *request = answer;
    }
    result
}

fn ask_at(device: &File, number: u32, request: *mut c_void) -> Result<(), Error> {
    // SAFETY: The kernel checks this address and those in the request, which are of this process's buffers or
    // invalid.
    match unsafe { ioctl_with_mut_ptr(device, number.into(), request) } {
        0 => Ok(()),
        _ => Err(Error::last_os_error()),
    }
}

fn expect(what: &str, errno: Errno, ask: impl FnOnce() -> Result<(), Error>) -> Result<()> {
    match ask() {
        Ok(()) => bail!("{what}: taken"),
        Err(error) if error.raw_os_error() == Some(errno.raw_os_error()) => {
            println!("{what}: {error}");
            Ok(())
        }
        Err(error) => bail!("{what}: {error}, not {errno}"),
    }
}
