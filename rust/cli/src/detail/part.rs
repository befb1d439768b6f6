// SPDX-License-Identifier: GPL-2.0

//! Part of a reason's exits, given by one number: for example all accesses to a port.

use exitstat_core::key::Key;
use std::fmt;

/// Exits with this subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// I/O instructions on a port.
    Port(u16),
    /// RDMSR and WRMSR on an MSR.
    Msr(u32),
    /// CPUID with a leaf and any subleaf.
    Leaf(u32),
    /// Hypercalls with a number, through any interface.
    Hypercall(u64),
    /// Accesses to a device register, given by its guest physical address.
    Mmio(u64),
}

impl Part {
    /// Parses a kind, such as `port`, and a number, which is hexadecimal if it begins with 0x.
    ///
    /// # Errors
    ///
    /// The number is invalid or too large.
    pub fn parse(kind: &str, text: &str) -> Result<Self, String> {
        let number = match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        };
        let part = number.and_then(|number| {
            Some(match kind {
                "port" => Self::Port(number.try_into().ok()?),
                "msr" => Self::Msr(number.try_into().ok()?),
                "leaf" => Self::Leaf(number.try_into().ok()?),
                "hypercall" => Self::Hypercall(number),
                "mmio" => Self::Mmio(number),
                _ => return None,
            })
        });
        part.ok_or_else(|| {
            format!("{text:?} is not a valid {kind} (expected a number, such as 1016 or 0x3f8)")
        })
    }

    /// Returns whether the part includes a key.
    #[must_use]
    pub fn has(self, key: Key) -> bool {
        match (self, key) {
            (Self::Port(port), Key::Port { port: of, .. }) => of == port,
            (Self::Msr(msr), Key::Msr(of)) => of == msr,
            (Self::Leaf(leaf), Key::Leaf { leaf: of, .. }) => of == leaf,
            (Self::Hypercall(number), Key::Hypercall { number: of, .. }) => of == number,
            (Self::Mmio(address), Key::Mmio { gpa, .. }) => gpa == address,
            _ => false,
        }
    }

    /// Returns whether the part can include exits with a basic reason.
    #[must_use]
    pub fn can_be_of(self, reason: u32) -> bool {
        matches!(
            (self, Key::of(reason, 0)),
            (Self::Port(_), Some(Key::Port { .. }))
                | (Self::Msr(_), Some(Key::Msr(_)))
                | (Self::Leaf(_), Some(Key::Leaf { .. }))
                | (Self::Hypercall(_), Some(Key::Hypercall { .. }))
                | (Self::Mmio(_), Some(Key::Mmio { .. }))
        )
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => write!(f, "port {port:#x}"),
            Self::Msr(msr) => write!(f, "MSR {msr:#x}"),
            Self::Leaf(leaf) => write!(f, "leaf {leaf:#x}"),
            Self::Hypercall(number) => write!(f, "hypercall {number}"),
            Self::Mmio(gpa) => write!(f, "MMIO {gpa:#x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_all_that_is_done_with_it() {
        let port = Part::parse("port", "0x3f8").unwrap();
        assert_eq!(port, Part::parse("port", "1016").unwrap());
        for key in [0x03f8_0000, 0x03f8_0008, 0x03f8_001b] {
            assert!(port.has(Key::of(30, key).unwrap()));
        }
        assert!(!port.has(Key::of(30, 0x03f9_0000).unwrap()));
        assert!(!port.has(Key::of(32, 0x3f8).unwrap()));
        let msr = Part::parse("msr", "0x6e0").unwrap();
        assert!(msr.has(Key::of(31, 0x6e0).unwrap()) && msr.has(Key::of(85, 0x6e0).unwrap()));
        let reasons = |part: Part| (0..87).filter(|&n| part.can_be_of(n)).collect::<Vec<_>>();
        assert_eq!(reasons(port), [30]);
        assert_eq!(reasons(msr), [31, 32, 84, 85]);
        assert_eq!(reasons(Part::Mmio(0)), [44, 49]);
        let leaf = Part::parse("leaf", "13").unwrap();
        assert!(leaf.has(Key::of(10, 0x1_0000_000d).unwrap()));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for (kind, text) in [
            ("port", "COM1"),
            ("port", "65536"),
            ("msr", "0x100000000"),
            ("irq", "1"),
        ] {
            assert!(Part::parse(kind, text).is_err(), "{kind} {text}");
        }
    }
}
