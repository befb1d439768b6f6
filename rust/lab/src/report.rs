// SPDX-License-Identifier: GPL-2.0

//! Report of L1 on a separate serial port: named sections of lines.

use std::collections::BTreeMap;

/// Sections of a report by name; several with the same name are kept in order.
#[derive(Default, Debug, PartialEq, Eq)]
pub struct Report {
    sections: BTreeMap<String, Vec<String>>,
}

impl Report {
    /// Parses a report, which may be incomplete. Sections without a matching end are dropped.
    pub fn parse(text: &str) -> Self {
        let mut report = Self::default();
        let mut open: Option<(String, String)> = None;
        for line in text.lines() {
            let line = line.trim_end_matches('\r');
            if let Some(name) = line.strip_prefix("@begin ") {
                open = Some((name.to_owned(), String::new()));
            } else if let Some(end) = line.strip_prefix("@end ") {
                if let Some((name, text)) = open.take().filter(|(name, _)| name == end) {
                    report.sections.entry(name).or_default().push(text);
                }
            } else if let Some((_, text)) = &mut open {
                text.push_str(line);
                text.push('\n');
            }
        }
        report
    }

    /// Returns the first section with a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        Some(self.sections.get(name)?.first()?)
    }

    /// Returns the sections whose names have a prefix: the rest of each name, and the text.
    pub fn all<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.sections.iter().flat_map(move |(name, texts)| {
            let rest = name.strip_prefix(prefix);
            texts
                .iter()
                .filter_map(move |text| Some((rest?, text.as_str())))
        })
    }
}

/// Parses the output of `od -An -v -tx1`.
pub fn bytes(text: &str) -> Result<Vec<u8>, String> {
    text.split_whitespace()
        .map(|word| u8::from_str_radix(word, 16).map_err(|e| format!("{word:?}: {e}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Report;

    #[test]
    fn sections_are_found_by_name() {
        let report = Report::parse("noise\n@begin a\n1\n2\r\n@end a\n@begin b c\n@end b c\n");
        assert_eq!(report.get("a"), Some("1\n2\n"));
        assert_eq!(report.get("b c"), Some(""));
        assert_eq!(report.get("c"), None);
        assert_eq!(report.all("b ").collect::<Vec<_>>(), [("c", "")]);
    }

    #[test]
    fn a_section_that_was_cut_off_is_not_there() {
        assert_eq!(Report::parse("@begin exit\n0\n").get("exit"), None);
        let two = Report::parse("@begin a\n1\n@end b\n2\n@end a\n@begin b\n@end b\n");
        assert_eq!((two.get("a"), two.get("b")), (None, Some("")));
    }
}
