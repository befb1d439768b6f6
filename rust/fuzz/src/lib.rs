// SPDX-License-Identifier: GPL-2.0

//! Fuzz targets for everything in userspace that parses input from elsewhere.
//!
//! A target is a function in its own file in `targets/`, a line in [`TARGETS`], and a directory `corpus/NAME`
//! with samples. It accepts any bytes, and panics if the parsed data violates a property. `scripts/fuzz.sh`
//! runs all targets in libFuzzer. `cargo test` only runs them on their corpus, to which every failing input is
//! added.

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

/// Name and function of a target.
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

/// Converts bytes from a serial port to a text, as the lab does.
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
