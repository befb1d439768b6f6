// SPDX-License-Identifier: GPL-2.0

//! `exitstat explain`: explains exit reasons, their causes, and how to reduce them.

use crate::{
    cli::{ExplainArgs, Format},
    error::Error,
    output::{self, fit::Column, json, table, width},
    reason::Reason,
};
use exitstat_core::{isa::Isa, reason::REASONS};
use serde::Serialize;
use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

mod found;
mod keys;
mod svm;
mod vmx;

/// The guests that take exits with a reason under KVM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occurs {
    /// Any guest.
    Always,
    /// Guests for which this condition holds.
    Feature(&'static str),
    /// Guests that run a hypervisor.
    Nested,
    /// Only if the guest or the host has a fault.
    Fault,
    /// None: KVM does not enable this exit.
    Never,
}

impl Occurs {
    /// Returns the condition in words, for a list.
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

/// Explanation of a reason.
#[derive(Debug)]
pub struct Text {
    /// Number of the reason, or the lowest in a group of codes that differ only in a register.
    pub number: u32,
    /// The guests that take such exits.
    pub occurs: Occurs,
    /// The meaning, according to the manual.
    pub means: &'static str,
    /// The usual causes.
    pub causes: &'static str,
    /// Ways to reduce such exits.
    pub fewer: &'static str,
    /// Title of a section of the SDM, volume 3, or the APM, volume 2.
    pub manual: &'static str,
    /// Functions of KVM, each as `file: function`.
    pub kvm: &'static [&'static str],
}

/// A reason in JSON and CSV.
#[derive(Serialize)]
struct Entry {
    number: u32,
    name: String,
    vendor: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sdm_name: Option<&'static str>,
    occurs: &'static str,
    means: &'static str,
    causes: &'static str,
    fewer: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sdm: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    apm: Option<&'static str>,
    kvm: &'static [&'static str],
}

/// Width of texts in columns, unless the terminal is narrower.
const WIDTH: usize = 90;

/// Runs the command.
///
/// # Errors
///
/// The reason is undefined, or writing fails.
pub fn run(args: &ExplainArgs) -> Result<ExitCode, Error> {
    let columns = width().unwrap_or(WIDTH).clamp(40, WIDTH);
    let mut output = output::stdout();
    if args.look.is_asked_for() {
        let whole = found::run(args, columns, &mut output)?;
        output.flush()?;
        return Ok(super::done(whole));
    }
    let reasons: Vec<Reason> = match args.reason {
        None => ISAS.into_iter().flat_map(Reason::all).collect(),
        Some(wanted) => wanted.reasons().collect(),
    };
    let known: Vec<_> = reasons
        .iter()
        .filter_map(|&reason| Some((reason, find(reason)?)))
        .collect();
    if known.is_empty() {
        let reason = reasons.first().copied().unwrap_or(Reason::vmx(0));
        return Err(Error::Usage(undefined(reason)));
    }
    let entries = known.iter().map(|&(reason, text)| entry(reason, text));
    match (args.format, args.reason) {
        (Format::Table, None) => list(&mut output)?,
        (Format::Table, Some(_)) => {
            for (at, &(reason, text)) in known.iter().enumerate() {
                if at > 0 {
                    writeln!(output)?;
                }
                output.write_all(page(reason, text, columns).as_bytes())?;
            }
        }
        (Format::Json, None) => {
            #[derive(Serialize)]
            struct Reasons {
                reasons: Vec<Entry>,
            }
            let reasons = entries.collect();
            json::write(&mut output, "reasons", Reasons { reasons })?;
        }
        (Format::Json, Some(_)) => {
            for entry in entries {
                json::write(&mut output, "reason", entry)?;
            }
        }
        (Format::Csv, _) => csv(&mut output, entries)?,
    }
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn csv(output: &mut impl Write, entries: impl Iterator<Item = Entry>) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(output);
    writer.write_record([
        "number", "name", "sdm_name", "occurs", "means", "causes", "fewer", "sdm", "kvm", "vendor",
        "apm",
    ])?;
    for e in entries {
        let (number, kvm) = (e.number.to_string(), e.kvm.join("; "));
        writer.write_record([
            &number,
            e.name.as_str(),
            e.sdm_name.unwrap_or_default(),
            e.occurs,
            e.means,
            e.causes,
            e.fewer,
            e.sdm.unwrap_or_default(),
            &kvm,
            e.vendor,
            e.apm.unwrap_or_default(),
        ])?;
    }
    writer.flush()
}

/// Instruction sets in the order of the output.
const ISAS: [Isa; 2] = [Isa::Vmx, Isa::Svm];

fn find(reason: Reason) -> Option<&'static Text> {
    match reason.isa {
        Isa::Vmx => vmx::TEXTS.iter().find(|text| text.number == reason.number),
        Isa::Svm => svm::text(reason.number),
    }
}

/// Returns the error for a number that no manual defines.
fn undefined(reason: Reason) -> String {
    let number = reason.number();
    let what = if reason.is_other() {
        format!("{number} and all numbers above it are not exit reasons in the SDM; exitstat counts them together")
    } else {
        format!("{number} is not an exit reason in the SDM")
    };
    format!("{what}. A newer CPU may have it, and a newer exitstat may know it. `exitstat explain` lists all reasons")
}

/// Returns the page about a reason.
fn page(reason: Reason, text: &Text, width: usize) -> String {
    let mut page = format!("{} {reason}: {}\n", reason.number(), manual_name(reason));
    let with = match text.occurs {
        Occurs::Always => "Any guest can take it.".to_owned(),
        Occurs::Feature(condition) => format!("Guests take it {condition}."),
        Occurs::Nested => "Only guests that run a hypervisor take it.".to_owned(),
        Occurs::Fault => "Guests take it only if something is wrong.".to_owned(),
        Occurs::Never => "KVM's guests never take it.".to_owned(),
    };
    let kvm = format!(
        "arch/x86/kvm of Linux 7.3: {}",
        text.kvm.join(", ").replace(": ", ":")
    );
    let manual = match reason.isa {
        Isa::Vmx => "SDM vol. 3",
        Isa::Svm => "APM vol. 2",
    };
    let manual = match text.manual.contains("(appendix C)") {
        true => format!("{manual}, {}", text.manual),
        false => format!("{manual}, appendix C, and {}", text.manual),
    };
    for (title, paragraphs) in [
        ("What it means", vec![text.means]),
        ("Causes under KVM", vec![with.as_str(), text.causes]),
        ("How to reduce it", vec![text.fewer]),
        ("References", vec![manual.as_str(), kvm.as_str()]),
    ] {
        page.extend(["\n", title, "\n"]);
        for paragraph in paragraphs {
            wrap(&mut page, paragraph, width, 2);
        }
    }
    page
}

/// Appends a paragraph of lines of up to `width` columns, indented by `indent`.
fn wrap(page: &mut String, paragraph: &str, width: usize, indent: usize) {
    let mut column = 0;
    for word in paragraph.split_whitespace() {
        let length = word.chars().count();
        if column != 0 && column + 1 + length > width {
            page.push('\n');
            column = 0;
        }
        let blanks = if column == 0 { indent } else { 1 };
        page.extend(std::iter::repeat_n(' ', blanks));
        column += blanks + length;
        page.push_str(word);
    }
    page.push('\n');
}

/// Writes the list: one line per reason.
fn list(output: &mut impl Write) -> io::Result<()> {
    let known = |isa| Reason::all(isa).filter_map(|reason| Some((reason, find(reason)?)));
    let row = |(reason, text): (Reason, &Text)| {
        let occurs = text.occurs.text().to_owned();
        vec![reason.number(), reason.to_string(), occurs]
    };
    let columns = ["reason", "occurs"].map(Column::text);
    let columns = [&[Column::number("nr")], &columns[..]].concat();
    writeln!(output, "Basic exit reasons of Intel's VMX")?;
    let rows: Vec<_> = known(Isa::Vmx)
        .map(|known| [row(known), vec![manual_name(known.0)]].concat())
        .collect();
    let with_name = [&columns[..], &[Column::text("in the SDM").goes(0)]].concat();
    table::write(output, &with_name, &rows, width())?;
    writeln!(
        output,
        "\nExit codes of AMD's SVM (in the APM each name begins with VMEXIT_)"
    )?;
    let rows: Vec<_> = known(Isa::Svm).map(row).collect();
    table::write(output, &columns, &rows, width())?;
    if io::stdout().is_terminal() {
        writeln!(output, "\n`exitstat explain REASON` explains one reason.")?;
    }
    Ok(())
}

fn sdm_name(reason: Reason) -> Option<&'static str> {
    let mut reasons = REASONS.iter().filter(|_| reason.isa == Isa::Vmx);
    let of_the_sdm = reasons.find(|other| other.number == reason.number);
    Some(of_the_sdm?.sdm)
}

/// Returns the manual's name of a reason.
fn manual_name(reason: Reason) -> String {
    sdm_name(reason).map_or_else(|| format!("VMEXIT_{reason}"), str::to_owned)
}

fn entry(reason: Reason, text: &'static Text) -> Entry {
    let of = |isa| (reason.isa == isa).then_some(text.manual);
    Entry {
        number: reason.number,
        name: reason.to_string(),
        vendor: reason.vendor(),
        sdm_name: sdm_name(reason),
        occurs: text.occurs.text(),
        means: text.means,
        causes: text.causes,
        fewer: text.fewer,
        sdm: of(Isa::Vmx),
        apm: of(Isa::Svm),
        kvm: text.kvm,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_text_for_exactly_the_reasons_of_the_manuals() {
        let texts = vmx::TEXTS.iter().map(|text| text.number);
        assert!(texts.eq(REASONS.iter().map(|reason| reason.number)));
        for reason in Reason::all(Isa::Svm) {
            assert!(find(reason).is_some(), "{reason}");
        }
        assert!(find(Reason::svm(0xa7)).is_none());
    }

    #[test]
    fn texts_are_whole_sentences_and_name_their_sources() {
        for text in vmx::TEXTS.iter().chain(&svm::TEXTS) {
            for sentence in [text.means, text.causes, text.fewer] {
                assert!(
                    sentence.ends_with(['.', ')']),
                    "{}: {sentence}",
                    text.number
                );
                assert!(!sentence.contains("  "), "{}: {sentence}", text.number);
            }
            assert!(
                !text.manual.is_empty() && !text.kvm.is_empty(),
                "{}",
                text.number
            );
            assert!(text.kvm.iter().all(|f| f.contains(": ")), "{}", text.number);
        }
    }

    #[test]
    fn an_undefined_reason_is_an_error_that_says_so() {
        for number in [35, 38, 42, 71, 82, 83, 86] {
            let reason = Reason::vmx(number);
            assert!(find(reason).is_none());
            let said = undefined(reason);
            assert!(
                said.starts_with(&number.to_string()) && said.contains("SDM"),
                "{said}"
            );
        }
    }

    #[test]
    fn a_page_is_as_narrow_as_its_terminal() {
        for reason in ISAS.into_iter().flat_map(Reason::all) {
            let page = page(reason, find(reason).unwrap(), 60);
            let body = page.lines().skip(1);
            assert!(body.clone().all(|l| l.chars().count() <= 60), "{page}");
            assert!(body.count() > 10, "{page}");
        }
    }

    #[test]
    fn the_list_has_one_line_per_reason() {
        let mut list = Vec::new();
        super::list(&mut list).unwrap();
        let list = String::from_utf8(list).unwrap();
        let reasons = ISAS.into_iter().flat_map(Reason::all).count();
        assert_eq!(list.lines().count(), reasons + 5);
        assert!(list.contains("EPT_VIOLATION"), "{list}");
    }
}
