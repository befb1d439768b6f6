// SPDX-License-Identifier: GPL-2.0

//! Exit reasons as people write and read them.

use exitstat_core::{
    reason::{is_defined, REASONS},
    snapshot::BEYOND,
};

/// The name of a reason, as in the table of `exitstat-core`; `UNDEFINED_35` for one that the SDM
/// does not define, `UNDEFINED` for all of 86 and more, which are counted as one.
#[must_use]
pub fn name(number: u32) -> String {
    match REASONS.iter().find(|reason| reason.number == number) {
        Some(reason) => reason.name.to_owned(),
        None if number == BEYOND => "UNDEFINED".to_owned(),
        None => format!("UNDEFINED_{number}"),
    }
}

/// The reason that a word is for: its number, or its name in any case, with `-` for `_` and Linux's
/// `EXIT_REASON_` before it if one likes.
///
/// # Errors
///
/// What is wrong, and names that are like it.
pub fn parse(word: &str) -> Result<u32, String> {
    if let Ok(number) = word.parse::<u32>() {
        return if is_defined(number) || number <= BEYOND {
            Ok(number)
        } else {
            Err(format!(
                "no reason has the number {number}; they end with 85, and {BEYOND} is for all others"
            ))
        };
    }
    let wanted = word.to_ascii_uppercase().replace('-', "_");
    let wanted = wanted.strip_prefix("EXIT_REASON_").unwrap_or(&wanted);
    if wanted == "UNDEFINED" {
        return Ok(BEYOND);
    }
    if let Some(reason) = REASONS.iter().find(|reason| reason.name == wanted) {
        return Ok(reason.number);
    }
    let like: Vec<_> = REASONS
        .iter()
        .filter(|reason| !wanted.is_empty() && reason.name.contains(wanted))
        .map(|reason| reason.name)
        .collect();
    Err(match like.as_slice() {
        [] => format!("no reason is called {word}; `exitstat explain` lists all"),
        like => format!("no reason is called {word}; there is {}", like.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_parsed_as_its_number() {
        for number in 0..=BEYOND {
            assert_eq!(parse(&number.to_string()), Ok(number));
        }
        for reason in &REASONS {
            assert_eq!(parse(reason.name), Ok(reason.number));
            assert_eq!(parse(&name(reason.number)), Ok(reason.number));
        }
        assert_eq!(parse("ept-violation"), Ok(48));
        assert_eq!(parse("EXIT_REASON_CPUID"), Ok(10));
        assert_eq!(parse(&name(BEYOND)), Ok(BEYOND));
    }

    #[test]
    fn a_word_that_is_no_reason_is_told_what_is_like_it() {
        assert!(parse("EPT")
            .unwrap_err()
            .contains("EPT_VIOLATION, EPT_MISCONFIG"));
        assert!(parse("FOO").unwrap_err().contains("explain"));
        assert!(parse("").unwrap_err().contains("explain"));
        assert!(parse("87").unwrap_err().contains("85"));
        assert!(parse("-1").is_err());
    }

    #[test]
    fn what_the_sdm_does_not_define_has_a_name_that_says_so() {
        assert_eq!(name(35), "UNDEFINED_35");
        assert_eq!(name(86), "UNDEFINED");
    }
}
