// SPDX-License-Identifier: GPL-2.0

//! `exitstat explain`: what reasons mean, and what can be done about them.

use crate::{
    cli::{ExplainArgs, Format},
    error::Error,
    output::{self, table},
};
use comfy_table::Table;
use exitstat_core::{reason::REASONS, snapshot::BEYOND};
use serde::Serialize;
use std::io::{self, IsTerminal, Write};

mod texts;

use texts::TEXTS;

/// With which guests a reason occurs under KVM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occurs {
    /// Any.
    Always,
    /// Those for which this holds.
    Feature(&'static str),
    /// Those that have hypervisors in them.
    Nested,
    /// Those with something wrong in them, or in the host.
    Fault,
    /// None: KVM does not enable it.
    Never,
}

impl Occurs {
    /// In words, for a list.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Always => "any guest",
            Self::Feature(condition) => condition,
            Self::Nested => "only from a hypervisor in the guest",
            Self::Fault => "only if something is wrong",
            Self::Never => "never under KVM",
        }
    }
}

/// What is to be said of a reason.
#[derive(Debug)]
pub struct Text {
    /// The reason's number.
    pub number: u32,
    /// With which guests.
    pub occurs: Occurs,
    /// What it means (SDM).
    pub means: &'static str,
    /// What usually causes it.
    pub causes: &'static str,
    /// What people do to have fewer.
    pub fewer: &'static str,
    /// A section of the SDM's volume 3.
    pub sdm: &'static str,
    /// Functions of KVM, each as `file: function`.
    pub kvm: &'static [&'static str],
}

/// All that is known of a reason, as JSON and CSV have it.
#[derive(Serialize)]
struct Entry {
    number: u32,
    name: &'static str,
    sdm_name: &'static str,
    occurs: &'static str,
    means: &'static str,
    causes: &'static str,
    fewer: &'static str,
    sdm: &'static str,
    kvm: &'static [&'static str],
}

/// Columns of a text, unless the terminal has less.
const WIDTH: u16 = 90;

/// Carries it out.
///
/// # Errors
///
/// The reason is not defined; or the output cannot be written.
pub fn run(args: &ExplainArgs) -> Result<(), Error> {
    let texts = match args.reason {
        None => TEXTS.iter().collect(),
        Some(number) => vec![find(number).ok_or_else(|| Error::Usage(undefined(number)))?],
    };
    let entries = texts.iter().map(|text| entry(text));
    let mut output = output::stdout();
    match (args.output, args.reason) {
        (Format::Table, None) => list(&mut output)?,
        (Format::Table, Some(_)) => {
            let columns = Table::new().width().unwrap_or(WIDTH).clamp(40, WIDTH);
            for text in texts {
                output.write_all(page(text, columns.into()).as_bytes())?;
            }
        }
        (Format::Json, None) => json(&mut output, &entries.collect::<Vec<_>>())?,
        (Format::Json, Some(_)) => {
            for entry in entries {
                json(&mut output, &entry)?;
            }
        }
        (Format::Csv, _) => csv(&mut output, entries)?,
    }
    Ok(output.flush()?)
}

fn json(output: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *output, value)?;
    writeln!(output)
}

fn csv(output: &mut impl Write, entries: impl Iterator<Item = Entry>) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(output);
    writer.write_record([
        "number", "name", "sdm_name", "occurs", "means", "causes", "fewer", "sdm", "kvm",
    ])?;
    for e in entries {
        let (number, kvm) = (e.number.to_string(), e.kvm.join("; "));
        writer.write_record([
            &number, e.name, e.sdm_name, e.occurs, e.means, e.causes, e.fewer, e.sdm, &kvm,
        ])?;
    }
    writer.flush()
}

fn find(number: u32) -> Option<&'static Text> {
    TEXTS.iter().find(|text| text.number == number)
}

/// What is to be said of a number that the SDM does not define.
fn undefined(number: u32) -> String {
    let what = if number == BEYOND {
        format!("{number} and all above it are not defined by the SDM; exitstat counts them as one")
    } else {
        format!("{number} is not defined by the SDM")
    };
    format!("{what}. Exits with it are those of a newer CPU: a newer exitstat may know it. `exitstat explain` lists what is defined")
}

/// All about a reason.
fn page(text: &Text, width: usize) -> String {
    let reason = entry(text);
    let mut page = format!("{} {}: {}\n", reason.number, reason.name, reason.sdm_name);
    let with = match text.occurs {
        Occurs::Always => "Any guest has it.".to_owned(),
        Occurs::Feature(condition) => format!("Guests have it {condition}."),
        Occurs::Nested => "Guests have it if there is a hypervisor in them.".to_owned(),
        Occurs::Fault => "Guests have it if something is wrong.".to_owned(),
        Occurs::Never => "No guest of KVM has it.".to_owned(),
    };
    let kvm = format!(
        "arch/x86/kvm of Linux 7.3: {}",
        text.kvm.join(", ").replace(": ", ":")
    );
    let sdm = format!("SDM vol. 3, appendix C, and {}", text.sdm);
    for (title, paragraphs) in [
        ("What it means", vec![text.means]),
        ("What causes it under KVM", vec![with.as_str(), text.causes]),
        ("How to have fewer", vec![text.fewer]),
        ("Where to read on", vec![sdm.as_str(), kvm.as_str()]),
    ] {
        page.extend(["\n", title, "\n"]);
        for paragraph in paragraphs {
            wrap(&mut page, paragraph, width);
        }
    }
    page
}

/// Adds a paragraph of lines of up to `width` columns, indented.
fn wrap(page: &mut String, paragraph: &str, width: usize) {
    let mut column = 0;
    for word in paragraph.split_whitespace() {
        let length = word.chars().count();
        if column != 0 && column + 1 + length > width {
            page.push('\n');
            column = 0;
        }
        page.push_str(if column == 0 { "  " } else { " " });
        column += if column == 0 { 2 } else { 1 } + length;
        page.push_str(word);
    }
    page.push('\n');
}

/// A line a reason.
fn list(output: &mut impl Write) -> io::Result<()> {
    let rows: Vec<_> = TEXTS
        .iter()
        .map(entry)
        .map(|e| {
            let texts = [e.name, e.occurs, e.sdm_name].map(str::to_owned);
            [e.number.to_string()].into_iter().chain(texts).collect()
        })
        .collect();
    let columns = [
        ("nr", true),
        ("reason", false),
        ("occurs", false),
        ("in the SDM", false),
    ];
    table::write(output, &columns, &rows)?;
    if io::stdout().is_terminal() {
        writeln!(output, "\n`exitstat explain REASON` tells more of one.")?;
    }
    Ok(())
}

fn entry(text: &Text) -> Entry {
    // Each text has a reason: a test sees to it.
    let reason = REASONS.iter().find(|reason| reason.number == text.number);
    let (name, sdm_name) = reason.map_or(("", ""), |reason| (reason.name, reason.sdm));
    Entry {
        number: text.number,
        name,
        sdm_name,
        occurs: text.occurs.text(),
        means: text.means,
        causes: text.causes,
        fewer: text.fewer,
        sdm: text.sdm,
        kvm: text.kvm,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_text_for_exactly_the_reasons_of_the_sdm() {
        let texts = TEXTS.iter().map(|text| text.number);
        assert!(texts.eq(REASONS.iter().map(|reason| reason.number)));
    }

    #[test]
    fn texts_are_whole_sentences_and_name_their_sources() {
        for text in &TEXTS {
            for sentence in [text.means, text.causes, text.fewer] {
                assert!(
                    sentence.ends_with(['.', ')']),
                    "{}: {sentence}",
                    text.number
                );
                assert!(!sentence.contains("  "), "{}: {sentence}", text.number);
            }
            assert!(
                !text.sdm.is_empty() && !text.kvm.is_empty(),
                "{}",
                text.number
            );
            assert!(text.kvm.iter().all(|f| f.contains(": ")), "{}", text.number);
        }
    }

    #[test]
    fn what_is_not_defined_is_an_error_that_says_so() {
        for number in [35, 38, 42, 71, 82, 83, BEYOND] {
            assert!(find(number).is_none());
            let said = undefined(number);
            assert!(
                said.starts_with(&number.to_string()) && said.contains("SDM"),
                "{said}"
            );
        }
    }

    #[test]
    fn a_page_is_as_narrow_as_its_terminal() {
        for text in &TEXTS {
            let page = page(text, 60);
            let body = page.lines().skip(1);
            assert!(body.clone().all(|l| l.chars().count() <= 60), "{page}");
            assert!(body.count() > 10, "{page}");
        }
    }

    #[test]
    fn the_list_has_a_line_a_reason() {
        let mut list = Vec::new();
        super::list(&mut list).unwrap();
        let list = String::from_utf8(list).unwrap();
        assert_eq!(list.lines().count(), 81);
        assert!(list.contains("EPT_VIOLATION"), "{list}");
    }
}
