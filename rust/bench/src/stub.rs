// SPDX-License-Identifier: GPL-2.0

//! What the module's files use of the kernel crate.

/// `kernel::error`.
pub mod error {
    /// An errno, negative.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Error(pub i32);

    /// As the kernel's.
    pub type Result<T = (), E = Error> = core::result::Result<T, E>;

    /// What a C function says.
    ///
    /// # Errors
    ///
    /// It is negative.
    pub fn to_result(errno: i32) -> Result {
        match errno {
            0.. => Ok(()),
            _ => Err(Error(errno)),
        }
    }
}

/// `kernel::ffi`.
pub mod ffi {
    pub use core::ffi::c_void;
}

/// `kernel::prelude`.
pub mod prelude {
    pub use super::error::Result;
}

/// `kernel::str`.
pub mod str {
    /// Bytes of a text.
    #[derive(Debug)]
    #[repr(transparent)]
    pub struct BStr([u8]);

    impl BStr {
        /// Of these.
        #[must_use]
        pub fn from_bytes(bytes: &[u8]) -> &Self {
            // SAFETY: It is `bytes`, by another name.
            unsafe { &*(core::ptr::from_ref(bytes) as *const Self) }
        }
    }
}
