// SPDX-License-Identifier: GPL-2.0

//! The parts of the kernel crate that the module's files use.

/// `kernel::error`.
pub mod error {
    /// A negative errno.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Error(pub i32);

    /// Same as the kernel's.
    pub type Result<T = (), E = Error> = core::result::Result<T, E>;

    /// Converts the return value of a C function.
    ///
    /// # Errors
    ///
    /// Fails if the value is negative.
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
        /// Creates a text from these bytes.
        #[must_use]
        pub fn from_bytes(bytes: &[u8]) -> &Self {
            // SAFETY: `Self` has the same layout as `bytes`.
            unsafe { &*(core::ptr::from_ref(bytes) as *const Self) }
        }
    }
}
