// SPDX-License-Identifier: GPL-2.0

//! Short untrusted texts, made safe to print on one line.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Maximum number of characters. libvirt's names are shorter, because they are file names.
const MOST: usize = 255;

/// A non-empty line without control characters, of bounded length.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Text(String);

impl Text {
    /// Replaces invalid UTF-8 and characters that could affect a terminal; `None` if nothing is left.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        // A character has at most four bytes.
        let bytes = &bytes[..bytes.len().min(4 * MOST + 4)];
        let text = String::from_utf8_lossy(bytes);
        let cut: String = text.trim().chars().take(MOST).collect();
        let safe = printable(cut.trim_end());
        (!safe.is_empty()).then_some(Self(safe))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Replaces the characters of an untrusted text that a terminal would obey or not show.
#[must_use]
pub fn printable(text: &str) -> String {
    let plain = |c: char| if is_unsafe(c) { '?' } else { c };
    text.chars().map(plain).collect()
}

/// Returns whether a character moves the cursor, is invisible, or reorders others.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for Text {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(text.as_bytes()).ok_or("an empty text")
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    fn of(bytes: &[u8]) -> Option<String> {
        Text::new(bytes).map(String::from)
    }

    #[test]
    fn a_terminal_cannot_be_told_anything() {
        assert_eq!(of(b"web").as_deref(), Some("web"));
        assert_eq!(of(b"  \n"), None);
        assert_eq!(of(b"\x1b[31mred\x07").as_deref(), Some("?[31mred?"));
        assert_eq!(of(b"a\xff\xfeb").as_deref(), Some("a\u{fffd}\u{fffd}b"));
        assert_eq!(
            of("a\u{202e}b\u{200b}c".as_bytes()).as_deref(),
            Some("a?b?c")
        );
        assert_eq!(of(&[b'a'; 10_000]).map(|text| text.len()), Some(MOST));
        assert_eq!(
            of("é".repeat(9000).as_bytes()).unwrap().chars().count(),
            MOST
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_one_safe_line(bytes in vec(any::<u8>(), 0..2000)) {
            if let Some(text) = Text::new(&bytes) {
                prop_assert!(!text.as_str().chars().any(is_unsafe));
                prop_assert!((1..=MOST).contains(&text.as_str().chars().count()));
                // Reading it again, as from a recording, does not change it.
                prop_assert_eq!(Text::new(text.as_str().as_bytes()), Some(text));
            }
        }
    }
}
