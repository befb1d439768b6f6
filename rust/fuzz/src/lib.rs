// SPDX-License-Identifier: GPL-2.0

//! What is fuzzed: everything in user space that parses bytes that it did not write itself.
//!
//! A target is a function of a file of its own in `targets/`, a line in [`TARGETS`], and a directory
//! `corpus/NAME` with some samples. It takes any bytes, and panics if something does not hold of
//! what was parsed. `scripts/fuzz.sh` runs all of them in libFuzzer; `cargo test` only gives them
//! their corpus, to which every input belongs that ever failed.

mod targets {
    pub mod answer;
    pub mod checks;
    pub mod histogram;
    pub mod leaves;
    pub mod log;
    pub mod recording;
    pub mod report;
    pub mod snapshot;
    pub mod totals;
}

/// A target's name and function.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 9] = [
    ("answer", targets::answer::run),
    ("checks", targets::checks::run),
    ("histogram", targets::histogram::run),
    ("leaves", targets::leaves::run),
    ("log", targets::log::run),
    ("recording", targets::recording::run),
    ("report", targets::report::run),
    ("snapshot", targets::snapshot::run),
    ("totals", targets::totals::run),
];

/// What the lab makes of bytes on a serial port.
fn text(data: &[u8]) -> String {
    String::from_utf8_lossy(data).into_owned()
}

#[cfg(test)]
mod tests {
    use super::TARGETS;
    use std::{fs, path::Path};

    #[test]
    fn each_target_holds_for_its_corpus() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
        for (name, target) in TARGETS {
            let files = fs::read_dir(corpus.join(name)).expect(name);
            let inputs = files.map(|file| fs::read(file.unwrap().path()).unwrap());
            assert!(inputs.inspect(|input| target(input)).count() > 0, "{name}");
        }
        assert_eq!(fs::read_dir(&corpus).unwrap().count(), TARGETS.len());
    }
}
