// SPDX-License-Identifier: GPL-2.0

//! UUIDs, in a canonical form for comparison.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A UUID that is not all zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Uuid(u128);

/// Positions of the hyphens.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

impl Uuid {
    /// Parses a text with hyphens, in either case.
    #[must_use]
    pub fn new(text: &[u8]) -> Option<Self> {
        Self::separated_by(b'-', text)
    }

    /// Parses a text with another separator, such as in names of systemd slices.
    #[must_use]
    pub fn separated_by(separator: u8, text: &[u8]) -> Option<Self> {
        let mut value = 0;
        if text.len() != 36 {
            return None;
        }
        for (at, &byte) in text.iter().enumerate() {
            if HYPHENS.contains(&at) {
                if byte != separator {
                    return None;
                }
                continue;
            }
            let digit = char::from(byte).to_digit(16)?;
            value = value << 4 | u128::from(digit);
        }
        (value != 0).then_some(Self(value))
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:032x}", self.0);
        let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
        f.pad(&parts.join("-"))
    }
}

impl FromStr for Uuid {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text.as_bytes()).ok_or("not a UUID")
    }
}

impl TryFrom<String> for Uuid {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Uuid> for String {
    fn from(uuid: Uuid) -> Self {
        uuid.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_uuid_has_one_form() {
        let text = "4DEA22b3-1d52-d8f3-2516-782e98ab3fa0";
        let uuid = Uuid::new(text.as_bytes()).unwrap();
        assert_eq!(uuid.to_string(), text.to_lowercase());
        let slice = text.replace('-', "_");
        assert_eq!(Uuid::separated_by(b'_', slice.as_bytes()), Some(uuid));
        for wrong in [
            "",
            "4dea22b3-1d52-d8f3-2516-782e98ab3fa",
            "4dea22b31-d52-d8f3-2516-782e98ab3fa0",
            "4dea22b3-1d52-d8f3-2516-782e98ab3fag",
            "4dea22b3_1d52_d8f3_2516_782e98ab3fa0",
            "00000000-0000-0000-0000-000000000000",
        ] {
            assert_eq!(Uuid::new(wrong.as_bytes()), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_again(value in 1u128..) {
            prop_assert_eq!(Uuid(value).to_string().parse(), Ok(Uuid(value)));
        }
    }
}
