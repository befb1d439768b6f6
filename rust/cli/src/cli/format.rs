// SPDX-License-Identifier: GPL-2.0

//! `--format`, the format of the output, and `-o`, the file to write. They were one option once, and habits last.

use super::Cli;
use clap::{
    builder::{PathBufValueParser, TypedValueParser},
    error::{ContextKind, ContextValue, ErrorKind},
    Args, CommandFactory, ValueEnum,
};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// How exits are printed.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct PrintArgs<F = Format>
where
    F: ValueEnum + Clone + Default + Send + Sync + 'static,
{
    /// Output format; json is one document per table, described in docs/json.md
    #[arg(long, value_enum, default_value_t)]
    pub format: F,
    /// Show cycles in the table, as counted (the default)
    #[arg(long)]
    pub cycles: bool,
    /// Show milliseconds and microseconds in the table, converted by the TSC frequency
    #[arg(long, conflicts_with = "cycles")]
    pub time: bool,
    /// Add columns for nested guests (L2) to the table: their exits, and how many of them KVM
    /// reflected to the hypervisor in the VM (L1). Module only
    #[arg(long)]
    pub nested: bool,
}

/// Formats of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Human-readable table
    #[default]
    Table,
    /// JSON, one line per document
    Json,
    /// Comma-separated values with a header
    Csv,
}

/// Parses the file of `-o`. A bare format's name is an error: `-o json` would write a file of that name.
pub fn file() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| match format_of(&path) {
        Some(format) => Err(format!(
            "-o takes the file to write, but {format} is an output format (for a file with that name: -o ./{format})"
        )),
        None => Ok(path),
    })
}

/// Returns the format that a path's whole text names.
fn format_of(path: &Path) -> Option<String> {
    let format = Format::from_str(path.to_str()?, false).ok()?;
    Some(format.to_possible_value()?.get_name().to_owned())
}

impl Cli {
    /// Parses a command line. An error about `-o`, where a command has none, says what to use in its place.
    ///
    /// # Errors
    ///
    /// The command line is wrong, or asks for help.
    pub fn parse_words(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        use clap::Parser;
        let words: Vec<_> = words.into_iter().collect();
        Self::try_parse_from(&words).map_err(|mut error| {
            if is_about_output(&error) && has_format(&words) {
                let tip = "use --format json, csv or table; to write a file, redirect: > FILE";
                error.insert(
                    ContextKind::Suggested,
                    ContextValue::StyledStrs(vec![tip.into()]),
                );
            }
            error
        })
    }
}

fn is_about_output(error: &clap::Error) -> bool {
    let argument = error.get(ContextKind::InvalidArg);
    error.kind() == ErrorKind::UnknownArgument
        && matches!(argument, Some(ContextValue::String(name)) if name == "-o" || name == "--output")
}

/// Returns whether the command that the words name has `--format`.
fn has_format(words: &[OsString]) -> bool {
    let all = Cli::command();
    let command = words
        .iter()
        .find_map(|word| all.find_subcommand(word))
        .unwrap_or(&all);
    let mut arguments = command.get_arguments();
    arguments.any(|argument| argument.get_id() == "format")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Cli, String> {
        Cli::parse_words(words.split_whitespace().map(OsString::from))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_format_given_to_o_names_the_right_option() {
        for command in [
            "exitstat",
            "exitstat 1 2",
            "exitstat vms",
            "exitstat report x",
            "exitstat diff x y",
            "exitstat check x --budget y",
            "exitstat detail",
            "exitstat slow",
            "exitstat guest",
            "exitstat explain HLT",
        ] {
            for wrong in [
                "-o json",
                "-ocsv",
                "--output table",
                "--output=json",
                "-o x.csv",
            ] {
                let why = parse(&format!("{command} {wrong}")).unwrap_err();
                assert!(
                    why.contains("use --format json"),
                    "{command} {wrong}: {why}"
                );
            }
        }
        for command in ["exitstat record", "exitstat plot x"] {
            for format in ["json", "csv", "table"] {
                let why = parse(&format!("{command} -o {format}")).unwrap_err();
                let says = format!("for a file with that name: -o ./{format}");
                assert!(why.contains(&says), "{command} {format}: {why}");
                let fine = parse(&format!("{command} -o ./{format}"));
                assert!(fine.is_ok(), "{command} {format}: {fine:?}");
            }
        }
    }

    #[test]
    fn commands_without_a_format_do_not_suggest_one() {
        for words in ["exitstat top -o json", "exitstat export --output json"] {
            let why = parse(words).unwrap_err();
            assert!(!why.contains("--format"), "{words}: {why}");
        }
    }
}
