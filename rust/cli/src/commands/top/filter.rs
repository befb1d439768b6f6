// SPDX-License-Identifier: GPL-2.0

//! The filter entered with `/`.

/// Returns whether a filter selects a row: it equals the row's number, or begins a word of its name. `_`,
/// `-` and similar separate words. Case is ignored. An empty filter selects all rows.
#[must_use]
pub fn selects(filter: &str, name: &str, number: &str) -> bool {
    let (filter, name) = (folded(filter), folded(name));
    let mut before = '_';
    let starts = |(at, c): (usize, char)| {
        let is_start = !std::mem::replace(&mut before, c).is_alphanumeric();
        is_start && name[at..].starts_with(&filter)
    };
    filter.is_empty() || folded(number) == filter || name.char_indices().any(starts)
}

fn folded(text: &str) -> String {
    text.to_uppercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reason::Reason;
    use exitstat_core::isa::Isa;

    fn found(filter: &str, isa: Isa) -> Vec<String> {
        let selected = |reason: &Reason| selects(filter, &reason.to_string(), &reason.number());
        let all = Reason::all(isa).filter(selected);
        all.map(|reason| reason.to_string()).collect()
    }

    #[test]
    fn a_filter_is_the_start_of_a_word_or_a_number() {
        assert_eq!(found("io", Isa::Vmx), ["IO_SMI", "IO_INSTRUCTION"]);
        assert_eq!(found("io-inst", Isa::Vmx), ["IO_INSTRUCTION"]);
        assert_eq!(found("violation", Isa::Vmx), ["EPT_VIOLATION"]);
        assert_eq!(found("48", Isa::Vmx), ["EPT_VIOLATION"]);
        assert_eq!(found("4", Isa::Vmx), ["SIPI_SIGNAL"]);
        assert_eq!(found("0x400", Isa::Svm), ["NPF"]);
        assert_eq!(found("nstruction", Isa::Vmx), [""; 0]);
        assert_eq!(found("", Isa::Vmx).len(), 80);
    }

    #[test]
    fn names_of_vms_have_words_too() {
        assert!(selects("02", "web-02.example", "7"));
        assert!(selects("WEB", "web-02.example", "7"));
        assert!(selects("exa", "web-02.example", "7"));
        assert!(selects("7", "web-02.example", "7"));
        assert!(!selects("2", "web-02.example", "7"));
        assert!(selects("bär", "rot-BÄR", "7"));
    }
}
