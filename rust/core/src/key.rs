// SPDX-License-Identifier: GPL-2.0

//! The meaning of a detail's key, by exit reason.
//!
//! The shim encodes keys in `arch/x86/kvm/vmx/exit_detail.c`; this file decodes them.

/// The decoded key of an exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// RDMSR, WRMSR: the MSR.
    Msr(u32),
    /// An I/O instruction.
    Port {
        /// Port number.
        port: u16,
        /// Width in bytes: 1, 2 or 4.
        size: u8,
        /// IN rather than OUT.
        input: bool,
        /// INS or OUTS.
        string: bool,
    },
    /// CPUID.
    Leaf {
        /// `%eax`.
        leaf: u32,
        /// `%ecx`, if the output depends on it.
        subleaf: Option<u32>,
    },
    /// VMCALL.
    Hypercall {
        /// ABI of the hypercall.
        abi: Abi,
        /// Number of the hypercall.
        number: u64,
    },
    /// An access to a device register.
    Mmio {
        /// Guest physical address.
        gpa: u64,
        /// Type of access, if the processor reports it.
        access: Option<Access>,
    },
    /// A [`REGION`] of guest physical memory that was not mapped, or not for this access.
    Memory {
        /// Guest physical address of the region's start.
        gpa: u64,
        /// Type of access.
        access: Access,
    },
    /// The offset of a register in the local APIC's page.
    Apic(u16),
    /// An interrupt vector.
    Vector(u8),
    /// An access to a control register.
    Control {
        /// Number of the register.
        register: u8,
        /// Type of access.
        access: ControlAccess,
    },
    /// MOV from or to a debug register.
    Debug {
        /// Number of the register.
        register: u8,
        /// The register was read.
        read: bool,
    },
    /// An exception or an NMI.
    Exception {
        /// Vector.
        vector: u8,
        /// Whether it is the NMI.
        nmi: bool,
        /// Bits 4:0 of a page fault's error code.
        error: u8,
    },
    /// INVLPG: the page.
    Page(u64),
    /// XSETBV: the register.
    Xcr(u32),
    /// VMREAD, VMWRITE: the field encoding.
    Field(u64),
}

/// The ABI that a hypercall number belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abi {
    /// KVM's.
    Kvm,
    /// Hyper-V's.
    HyperV,
    /// Xen's.
    Xen,
}

/// Type of a memory access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A read.
    Read,
    /// A write.
    Write,
    /// An instruction fetch.
    Fetch,
    /// Something else, or an access by the processor while it delivered an event.
    Other,
}

/// Type of access to a control register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlAccess {
    /// MOV to the register.
    Write,
    /// MOV from the register.
    Read,
    /// CLTS.
    Clts,
    /// LMSW.
    Lmsw,
}

/// Bytes of memory that share one key.
pub const REGION: u64 = 2 << 20;

/// Returns whether the output of CPUID depends on `%ecx`, according to the shim.
#[must_use]
pub const fn has_subleaves(leaf: u32) -> bool {
    matches!(
        leaf,
        0x04 | 0x07
            | 0x0b
            | 0x0d
            | 0x0f
            | 0x10
            | 0x12
            | 0x14
            | 0x17
            | 0x18
            | 0x1a
            | 0x1b
            | 0x1d
            | 0x1e
            | 0x1f
            | 0x20
            | 0x23
            | 0x24
            | 0x8000_001d
            | 0x8000_0020
            | 0x8000_0026
            | 0x4fff_fffc..=0x4fff_ffff
    )
}

/// Returns whether exits with a basic reason have keys.
#[must_use]
pub const fn has_keys(reason: u32) -> bool {
    Key::of(reason, 0).is_some()
}

impl Key {
    /// Decodes the `key` of an exit with a basic reason. Returns `None` if the reason has no keys.
    #[must_use]
    pub const fn of(reason: u32, key: u64) -> Option<Self> {
        Some(match reason {
            0 => Self::Exception {
                vector: key as u8,
                nmi: (key >> 8) & 7 == 2,
                error: (key >> 16) as u8 & 0x1f,
            },
            1 | 45 => Self::Vector(key as u8),
            10 => Self::Leaf {
                leaf: key as u32,
                subleaf: if has_subleaves(key as u32) {
                    Some((key >> 32) as u32)
                } else {
                    None
                },
            },
            14 => Self::Page(key),
            18 => Self::Hypercall {
                abi: match key >> 62 {
                    0 => Abi::Kvm,
                    1 => Abi::HyperV,
                    _ => Abi::Xen,
                },
                number: key & (u64::MAX >> 2),
            },
            23 | 25 => Self::Field(key),
            28 => Self::Control {
                register: key as u8 & 0xf,
                access: match (key >> 4) & 3 {
                    0 => ControlAccess::Write,
                    1 => ControlAccess::Read,
                    2 => ControlAccess::Clts,
                    _ => ControlAccess::Lmsw,
                },
            },
            29 => Self::Debug {
                register: key as u8 & 7,
                read: key & 0x10 != 0,
            },
            30 => Self::Port {
                port: (key >> 16) as u16,
                size: (key as u8 & 7) + 1,
                input: key & 8 != 0,
                string: key & 0x10 != 0,
            },
            31 | 32 | 84 | 85 => Self::Msr(key as u32),
            44 => Self::Mmio {
                gpa: key & (u64::MAX >> 4),
                access: Some(match key >> 60 {
                    0 => Access::Read,
                    1 => Access::Write,
                    2 => Access::Fetch,
                    _ => Access::Other,
                }),
            },
            48 => Self::Memory {
                gpa: key & !(REGION - 1),
                // As the processor reports it; a write may also be a read.
                access: match key & 7 {
                    4 => Access::Fetch,
                    n if n & 2 != 0 => Access::Write,
                    1 => Access::Read,
                    _ => Access::Other,
                },
            },
            49 => Self::Mmio {
                gpa: key,
                access: None,
            },
            55 => Self::Xcr(key as u32),
            56 => Self::Apic(key as u16 & 0xfff),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_say_what_the_exit_was_about() {
        let of = |reason, key| Key::of(reason, key).unwrap();
        assert_eq!(of(32, 0x6e0), Key::Msr(0x6e0));
        assert_eq!(
            of(30, 0x03f8_0008),
            Key::Port {
                port: 0x3f8,
                size: 1,
                input: true,
                string: false
            }
        );
        assert_eq!(
            of(30, 0x0cf8_0013),
            Key::Port {
                port: 0xcf8,
                size: 4,
                input: false,
                string: true
            }
        );
        assert_eq!(
            of(10, 0x3_0000_0004),
            Key::Leaf {
                leaf: 4,
                subleaf: Some(3)
            }
        );
        assert_eq!(
            of(10, 0x4000_0000),
            Key::Leaf {
                leaf: 0x4000_0000,
                subleaf: None
            }
        );
        assert_eq!(
            of(18, (1 << 62) | 0x5c),
            Key::Hypercall {
                abi: Abi::HyperV,
                number: 0x5c
            }
        );
        assert_eq!(
            of(48, 0xfee0_0000 | 2),
            Key::Memory {
                gpa: 0xfee0_0000,
                access: Access::Write
            }
        );
        assert_eq!(
            of(44, (1 << 60) | 0xfee0_00b0),
            Key::Mmio {
                gpa: 0xfee0_00b0,
                access: Some(Access::Write)
            }
        );
        assert_eq!(
            of(28, 0x13),
            Key::Control {
                register: 3,
                access: ControlAccess::Read
            }
        );
        assert_eq!(
            of(0, 14 | 3 << 8 | 2 << 16),
            Key::Exception {
                vector: 14,
                nmi: false,
                error: 2
            }
        );
        assert_eq!(
            of(0, 2 | 2 << 8),
            Key::Exception {
                vector: 2,
                nmi: true,
                error: 0
            }
        );
        assert_eq!(
            of(29, 0x17),
            Key::Debug {
                register: 7,
                read: true
            }
        );
    }

    #[test]
    fn some_reasons_have_no_keys() {
        for reason in [7, 12, 16, 33, 40, 52, 54, 86] {
            assert!(!has_keys(reason), "{reason}");
        }
        assert_eq!((0..87).filter(|&reason| has_keys(reason)).count(), 20);
    }
}
