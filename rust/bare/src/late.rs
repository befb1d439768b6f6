// SPDX-License-Identifier: GPL-2.0

//! Pages provided late through userfaultfd (`linux/userfaultfd.h`).

use crate::memory::{Memory, PAGE};
use anyhow::{ensure, Context, Result};
use rustix::mm::{userfaultfd, UserfaultfdFlags};
use std::{
    fs::File,
    io::Read,
    ops::Range,
    os::fd::{AsRawFd, OwnedFd},
    path::PathBuf,
    time::Duration,
};
use vmm_sys_util::{ioctl::ioctl_with_mut_ref, ioctl_iowr_nr};

const API: u64 = 0xaa;
const MODE_MISSING: u64 = 1;
const EVENT_PAGEFAULT: u8 = 0x12;

#[repr(C)]
#[derive(Default)]
struct UffdioApi {
    api: u64,
    features: u64,
    ioctls: u64,
}

#[repr(C)]
#[derive(Default)]
struct UffdioRegister {
    start: u64,
    length: u64,
    mode: u64,
    ioctls: u64,
}

#[repr(C)]
#[derive(Default)]
struct UffdioZeropage {
    start: u64,
    length: u64,
    mode: u64,
    zeropage: i64,
}

ioctl_iowr_nr!(UFFDIO_API, 0xaa, 0x3f, UffdioApi);
ioctl_iowr_nr!(UFFDIO_REGISTER, 0xaa, 0x00, UffdioRegister);
ioctl_iowr_nr!(UFFDIO_ZEROPAGE, 0xaa, 0x04, UffdioZeropage);

fn call<T>(uffd: &impl AsRawFd, request: u64, argument: &mut T) -> Result<()> {
    // SAFETY: Each request is used with the structure that it is defined for.
    let result = unsafe { ioctl_with_mut_ref(uffd, request, argument) };
    ensure!(result == 0, std::io::Error::last_os_error());
    Ok(())
}

fn open() -> Result<OwnedFd> {
    // SAFETY: This only creates a file descriptor.
    let uffd = unsafe { userfaultfd(UserfaultfdFlags::CLOEXEC) }.context("userfaultfd")?;
    let mut api = UffdioApi {
        api: API,
        ..Default::default()
    };
    call(&uffd, UFFDIO_API(), &mut api).context("UFFDIO_API")?;
    Ok(uffd)
}

fn register(uffd: &OwnedFd, addresses: Range<u64>) -> Result<()> {
    let mut register = UffdioRegister {
        start: addresses.start,
        length: addresses.end - addresses.start,
        mode: MODE_MISSING,
        ioctls: 0,
    };
    call(uffd, UFFDIO_REGISTER(), &mut register).context("UFFDIO_REGISTER")
}

/// Time at which a page that is waited for is provided.
#[derive(Clone, Debug)]
pub enum Late {
    /// After this duration.
    By(Duration),
    /// When this FIFO can be read from; after that, immediately.
    Until(PathBuf),
}

impl Late {
    fn wait(&mut self) -> Result<()> {
        match self {
            Self::By(delay) => std::thread::sleep(*delay),
            Self::Until(gate) => {
                let mut line = String::new();
                File::open(&*gate)
                    .and_then(|mut file| file.read_to_string(&mut line))
                    .with_context(|| gate.display().to_string())?;
                *self = Self::By(Duration::ZERO);
            }
        }
        Ok(())
    }
}

fn serve(uffd: OwnedFd, mut late: Late) -> Result<()> {
    let mut events = File::from(uffd);
    loop {
        let mut event = [0; 32];
        events.read_exact(&mut event)?;
        if event[0] != EVENT_PAGEFAULT {
            continue;
        }
        let mut address = [0; 8];
        address.copy_from_slice(&event[16..24]);
        late.wait()?;
        let mut page = UffdioZeropage {
            start: u64::from_le_bytes(address) & !(PAGE as u64 - 1),
            length: PAGE as u64,
            ..Default::default()
        };
        call(&events, UFFDIO_ZEROPAGE(), &mut page).context("UFFDIO_ZEROPAGE")?;
    }
}

impl Memory {
    /// From now on, provides pages late when they are touched for the first time.
    pub fn fill_late(&self, late: Late) -> Result<()> {
        let uffd = open()?;
        register(&uffd, self.addresses())?;
        std::thread::spawn(move || {
            if let Err(error) = serve(uffd, late) {
                eprintln!("bare: userfaultfd: {error:#}");
                std::process::exit(1);
            }
        });
        Ok(())
    }
}
