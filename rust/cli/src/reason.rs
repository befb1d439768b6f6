// SPDX-License-Identifier: GPL-2.0

//! Exit reasons as users write and read them.

use exitstat_core::{
    isa::Isa,
    reason::{self, REASONS},
    snapshot::BEYOND,
    svm,
};
use std::fmt;

/// An exit reason. Equal numbers of VMX and SVM, such as 48, are unrelated reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    /// The instruction set that defines the number.
    pub isa: Isa,
    /// VMX's basic exit reason, or SVM's exit code.
    pub number: u32,
}

impl Reason {
    /// Returns VMX's basic exit reason with this number.
    #[must_use]
    pub const fn vmx(number: u32) -> Self {
        Self {
            isa: Isa::Vmx,
            number,
        }
    }

    /// Returns SVM's exit code with this number.
    #[must_use]
    pub const fn svm(number: u32) -> Self {
        Self {
            isa: Isa::Svm,
            number,
        }
    }

    /// Returns all reasons that the SDM or the APM defines, by number.
    pub fn all(isa: Isa) -> Box<dyn Iterator<Item = Self>> {
        match isa {
            Isa::Vmx => Box::new(REASONS.iter().map(|reason| Self::vmx(reason.number))),
            Isa::Svm => Box::new(svm::codes().map(Self::svm)),
        }
    }

    /// Returns whether the SDM or the APM defines it.
    #[must_use]
    pub fn is_defined(self) -> bool {
        match self.isa {
            Isa::Vmx => reason::is_defined(self.number),
            Isa::Svm => svm::name(self.number).is_some(),
        }
    }

    /// Returns whether it groups all reasons without a counter of their own.
    #[must_use]
    pub fn is_other(self) -> bool {
        match self.isa {
            Isa::Vmx => self.number == BEYOND,
            Isa::Svm => self.number == svm::OTHER,
        }
    }

    /// Returns the vendor of CPUs with this reason: `intel` or `amd`.
    #[must_use]
    pub fn vendor(self) -> &'static str {
        vendor(self.isa)
    }

    /// Returns its number as in the manual: decimal in the SDM, hexadecimal in the APM, where -1 stays -1.
    /// Empty for the reasons without a counter of their own.
    #[must_use]
    pub fn number(self) -> String {
        match (self.isa, self.number as i32) {
            (Isa::Vmx, _) => self.number.to_string(),
            _ if self == Self::svm(svm::OTHER) => "-".to_owned(),
            (Isa::Svm, negative @ -8..0) => negative.to_string(),
            (Isa::Svm, _) => format!("{:#x}", self.number),
        }
    }
}

/// Writes the name, as in the tables of `exitstat-core`. `UNDEFINED_35` is a reason that the SDM does not
/// define. `UNDEFINED` is the group of all VMX reasons from 86, or of all SVM codes without a counter of
/// their own.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.isa {
            Isa::Vmx => REASONS
                .iter()
                .find(|reason| reason.number == self.number)
                .map(|reason| reason.name.to_owned()),
            Isa::Svm => svm::name(self.number).map(|name| name.to_string()),
        };
        match (name, self.isa, self.number) {
            (Some(name), _, _) => f.pad(&name),
            (None, _, _) if self.is_other() => f.pad("UNDEFINED"),
            (None, _, _) => f.pad(&format!("UNDEFINED_{}", self.number())),
        }
    }
}

/// Returns the reason's name, or `total` for `None`.
#[must_use]
pub fn name_or_total(reason: Option<Reason>) -> String {
    reason.map_or_else(|| "total".to_owned(), |reason| reason.to_string())
}

/// Returns the reason's number as in the manual, or nothing for `None`.
#[must_use]
pub fn number_or_none(reason: Option<Reason>) -> String {
    reason.map_or_else(String::new, Reason::number)
}

/// Returns the vendor of CPUs with an extension: `intel` or `amd`.
#[must_use]
pub fn vendor(isa: Isa) -> &'static str {
    match isa {
        Isa::Vmx => "intel",
        Isa::Svm => "amd",
    }
}

/// Reasons matched by a word: a VMX reason, an SVM code, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    vmx: Option<u32>,
    svm: Option<u32>,
}

impl Wanted {
    /// Returns whether it matches a reason.
    #[must_use]
    pub fn is(self, reason: Reason) -> bool {
        let number = match reason.isa {
            Isa::Vmx => self.vmx,
            Isa::Svm => self.svm,
        };
        number == Some(reason.number)
    }

    /// Returns the matched reasons, VMX first.
    pub fn reasons(self) -> impl Iterator<Item = Reason> {
        let vmx = self.vmx.map(Reason::vmx);
        vmx.into_iter().chain(self.svm.map(Reason::svm))
    }

    /// Returns whether some reason is matched by both.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.reasons().any(|reason| other.is(reason))
    }
}

impl From<Reason> for Wanted {
    fn from(reason: Reason) -> Self {
        Self {
            vmx: (reason.isa == Isa::Vmx).then_some(reason.number),
            svm: (reason.isa == Isa::Svm).then_some(reason.number),
        }
    }
}

/// Returns whether any of `wanted` matches a reason. An empty list matches all.
#[must_use]
pub fn is_one_of(wanted: &[Wanted], reason: Reason) -> bool {
    wanted.is_empty() || wanted.iter().any(|wanted| wanted.is(reason))
}

/// Parses a number, which is hexadecimal if it begins with 0x, or a name. The case of names is ignored, `-`
/// stands for `_`, and Linux's `EXIT_REASON_` or the APM's `VMEXIT_` may precede them.
///
/// # Errors
///
/// The text says what is wrong, and lists similar names.
pub fn parse(word: &str) -> Result<Wanted, String> {
    if let Some(number) = number(word) {
        let vmx = Some(number).filter(|&number| reason::is_defined(number) || number <= BEYOND);
        let svm = Some(number).filter(|&number| Reason::svm(number).is_defined());
        return match (vmx, svm) {
            (None, None) => Err(format!(
                "{word} is neither a VMX exit reason (the highest is 85; {BEYOND} groups all above) nor an SVM exit \
                 code (run 'exitstat explain')"
            )),
            (vmx, svm) => Ok(Wanted { vmx, svm }),
        };
    }
    let wanted = word.to_ascii_uppercase().replace('-', "_");
    let vmx = wanted.strip_prefix("EXIT_REASON_").unwrap_or(&wanted);
    let svm = wanted.strip_prefix("VMEXIT_").unwrap_or(&wanted);
    if wanted == "UNDEFINED" {
        return Ok(Wanted {
            vmx: Some(BEYOND),
            svm: Some(svm::OTHER),
        });
    }
    let found = Wanted {
        vmx: REASONS
            .iter()
            .find(|reason| reason.name == vmx)
            .map(|reason| reason.number),
        svm: svm::code(svm),
    };
    if found.reasons().next().is_some() {
        return Ok(found);
    }
    let mut like: Vec<_> = [Isa::Vmx, Isa::Svm]
        .into_iter()
        .flat_map(Reason::all)
        .map(|reason| reason.to_string())
        .filter(|name| !wanted.is_empty() && name.contains(vmx))
        .collect();
    like.dedup();
    Err(match like.as_slice() {
        [] => format!("no such exit reason: {word} (run 'exitstat explain')"),
        like => format!("no such exit reason: {word} (similar: {})", like.join(", ")),
    })
}

fn number(word: &str) -> Option<u32> {
    match word.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => {
            let number = word.parse::<i64>().ok()?;
            let negative = (-8..0).contains(&number).then_some(number as u32);
            negative.or(u32::try_from(number).ok())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_and_number_is_parsed_as_its_reason() {
        for reason in (0..=BEYOND)
            .map(Reason::vmx)
            .chain(Reason::all(Isa::Svm))
            .chain([Reason::svm(svm::OTHER)])
        {
            if reason.is_defined() || reason.number == BEYOND {
                let by_name = parse(&reason.to_string()).unwrap();
                assert!(by_name.is(reason), "{reason}");
            }
            if reason.number != svm::OTHER {
                let by_number = parse(&reason.number()).unwrap();
                assert!(by_number.is(reason), "{reason}");
            }
        }
        let is = |word, reason| {
            let wanted = parse(word).unwrap();
            assert_eq!(wanted, reason, "{word}");
        };
        is("ept-violation", Reason::vmx(48).into());
        is("EXIT_REASON_EPT_VIOLATION", Reason::vmx(48).into());
        is("vmexit_npf", Reason::svm(0x400).into());
        is("0x400", Reason::svm(0x400).into());
        is("-1", Reason::svm(u32::MAX).into());
    }

    #[test]
    fn a_word_can_stand_for_reasons_of_both() {
        let cpuid = parse("cpuid").unwrap();
        let both: Vec<_> = cpuid.reasons().collect();
        assert_eq!(both, [Reason::vmx(10), Reason::svm(0x72)]);
        assert!(cpuid.overlaps(parse("10").unwrap()));
        assert!(!cpuid.overlaps(parse("HLT").unwrap()));
        assert!(parse("UNDEFINED").unwrap().is(Reason::svm(svm::OTHER)));
    }

    #[test]
    fn a_word_that_is_no_reason_is_told_what_is_like_it() {
        assert!(parse("EPT")
            .unwrap_err()
            .contains("EPT_VIOLATION, EPT_MISCONFIG"));
        assert!(parse("AVIC").unwrap_err().contains("AVIC_NOACCEL"));
        assert!(parse("FOO").unwrap_err().contains("explain"));
        assert!(parse("").unwrap_err().contains("explain"));
        assert!(parse("1000").unwrap_err().contains("85"));
        assert!(parse("0xfoo").is_err());
        assert!(parse("-9").is_err());
    }

    #[test]
    fn what_is_not_defined_has_a_name_that_says_so() {
        let name = |reason: Reason| reason.to_string();
        assert_eq!(name(Reason::vmx(35)), "UNDEFINED_35");
        assert_eq!(name(Reason::vmx(86)), "UNDEFINED");
        assert_eq!(name(Reason::svm(0x405)), "UNDEFINED_0x405");
        assert_eq!(name(Reason::svm(svm::OTHER)), "UNDEFINED");
    }
}
