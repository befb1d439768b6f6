// SPDX-License-Identifier: GPL-2.0

//! Manual pages and completions that `exitstat documents` writes.

mod common;

use common::{boot, entry, named, recording};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// Creates a directory with the documents.
fn documents() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_exitstat"))
        .arg("documents")
        .arg(directory.path().join("out"))
        .status();
    assert!(status.unwrap().success());
    directory
}

fn pages(directory: &Path) -> Vec<PathBuf> {
    let pages = fs::read_dir(directory.join("out/man/man1")).unwrap();
    pages.map(|page| page.unwrap().path()).collect()
}

/// Returns a section of a page without font markup.
fn section(page: &str, title: &str) -> Option<String> {
    let (_, rest) = page
        .split_once(&format!("\n.SH \"{title}\"\n"))
        .or_else(|| page.split_once(&format!("\n.SH {title}\n")))?;
    let text = rest.split("\n.SH ").next().unwrap_or_default();
    let plain = ["\\fB", "\\fI", "\\fR"]
        .iter()
        .fold(text.to_owned(), |text, font| text.replace(font, ""));
    Some(plain.replace("\\-", "-"))
}

#[test]
fn each_command_has_a_page_with_all_sections() {
    let directory = documents();
    let pages = pages(directory.path());
    let help = Command::new(env!("CARGO_BIN_EXE_exitstat"))
        .arg("-h")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let commands = help.split("Commands:\n").nth(1).unwrap();
    let commands = commands.split("\n\n").next().unwrap().lines();
    let mut named = vec!["exitstat.1".to_owned()];
    named.extend(
        commands.filter_map(|line| match line.split_whitespace().next()? {
            "help" => None,
            name => Some(format!("exitstat-{name}.1")),
        }),
    );
    let mut there: Vec<_> = pages
        .iter()
        .map(|page| page.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    named.sort();
    there.sort();
    assert_eq!(there, named);
    for path in pages {
        let page = fs::read_to_string(&path).unwrap();
        for title in [
            "NAME",
            "SYNOPSIS",
            "DESCRIPTION",
            "OPTIONS",
            "EXIT STATUS",
            "EXAMPLES",
            "SEE ALSO",
        ] {
            let text = section(&page, title).unwrap_or_default();
            assert!(text.lines().count() > 0, "{}: {title}", path.display());
        }
        assert!(!page.contains("exitstat\\-documents"), "{}", path.display());
        assert_eq!(page.matches(".SH OPTIONS").count(), 1, "{}", path.display());
    }
}

#[test]
fn pages_say_what_each_command_needs() {
    let directory = documents();
    let section = |name: &str, title: &str| {
        let path = directory.path().join(format!("out/man/man1/{name}.1"));
        section(&fs::read_to_string(path).unwrap(), title).unwrap_or_default()
    };
    for (name, title, says) in [
        ("exitstat-check", "SYNOPSIS", "--budget FILE [--vm VM]"),
        ("exitstat-record", "SYNOPSIS", "-o FILE [-i INTERVAL]"),
        ("exitstat-record", "SYNOPSIS", "[-- COMMAND...]"),
        ("exitstat", "SYNOPSIS", "[INTERVAL] [COUNT]"),
        ("exitstat", "COMMANDS", "exitstat-top(1)"),
        ("exitstat-check", "EXIT STATUS", "1\nover the budget"),
        ("exitstat-guest", "EXIT STATUS", "4\n"),
        (
            "exitstat-check",
            "EXIT STATUS",
            "2\nthe command line or the budget is invalid",
        ),
        ("exitstat-enable", "EXIT STATUS", "a remedy"),
        ("exitstat", "COUNTERS", ".PP\nUser time: "),
        ("exitstat-top", "KEYS", "q\nquit"),
        ("exitstat-top", "FILES", "/dev/kvm_exitstat"),
        ("exitstat-unpin", "FILES", "/sys/fs/bpf/exitstat"),
        ("exitstat-detail", "FILES", "parameters/detail"),
        (
            "exitstat-report",
            "SEE ALSO",
            "exitstat(1), exitstat-record(1)",
        ),
    ] {
        let text = section(name, title);
        assert!(text.contains(says), "{name}: {title}: {text}");
    }
    assert!(!section("exitstat-enable", "EXIT STATUS").contains("budget"));
    // Commands that do not read live counters.
    assert_eq!(section("exitstat-report", "FILES"), "");
    assert!(!section("exitstat-report", "EXIT STATUS").contains("3\n"));
    assert!(!section("exitstat-report", "EXIT STATUS").contains("1\n"));
}

#[test]
fn man_has_nothing_to_warn_of() {
    let directory = documents();
    for page in pages(directory.path()) {
        let output = Command::new("man")
            .args(["--warnings", "-l"])
            .arg(&page)
            .env("LC_ALL", "C.UTF-8")
            .output();
        // Not all machines have man.
        let Ok(output) = output else { return };
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success() && said.is_empty(),
            "{}: {said}",
            page.display()
        );
    }
}

/// Returns bash's completions of the last word, in a directory with the documents and a recording.
fn completed(directory: &Path, words: &[&str]) -> Vec<String> {
    let binary = Path::new(env!("CARGO_BIN_EXE_exitstat"));
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("bash")
        .args(["--norc", "-c"])
        .arg(
            "source out/completions/exitstat.bash || exit
            COMP_WORDS=(\"$@\") COMP_CWORD=$(($# - 1)) COMP_TYPE=9
            function=$(complete -p exitstat | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
            $function exitstat \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD - 1]}\" 2>/dev/null
            printf '%s\\n' \"${COMPREPLY[@]}\"",
        )
        .arg("bash")
        .args(words)
        .current_dir(directory)
        .env("PATH", format!("{}:{path}", binary.parent().unwrap().display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.split(['\n', '\u{b}'])
        .map(|word| word.trim().to_owned())
        .filter(|word| !word.is_empty())
        .collect()
}

#[test]
fn bash_completes_commands_options_and_values() {
    let directory = documents();
    fs::write(directory.path().join("boot.rec"), recording(&boot())).unwrap();
    let names = [(1, "web-1"), (2, "w;reboot")].map(|(vm, name)| (0, entry(vm, name, None)));
    fs::write(directory.path().join("named.rec"), named(&boot(), &names)).unwrap();
    for (words, expected) in [
        (&["exitstat", "rep"][..], &["report"][..]),
        (&["exitstat", "report", "--pha"], &["--phase", "--phases"]),
        (
            &["exitstat", "report", "--format", ""],
            &["table", "json", "csv", "perfetto"],
        ),
        (&["exitstat", "report", "boo"], &["boot.rec"]),
        (&["exitstat", "explain", "ept-v"], &["EPT_VIOLATION"]),
        (&["exitstat", "slow", "ept_m"], &["EPT_MISCONFIG"]),
        (&["exitstat", "--reason", "HLT,wbin"], &["HLT,WBINVD"]),
        (
            &["exitstat", "plot", "x", "--reason", "vmgex"],
            &["VMGEXIT"],
        ),
        (&["exitstat", "report", "boot.rec", "--vm", ""], &["1", "2"]),
        (&["exitstat", "vms", "--from", "boot.r"], &["boot.rec"]),
        // A name that the shell would read otherwise is left out.
        (
            &["exitstat", "report", "named.rec", "--vm", "w"],
            &["web-1"],
        ),
    ] {
        assert_eq!(completed(directory.path(), words), expected, "{words:?}");
    }
    let commands = completed(directory.path(), &["exitstat", ""]);
    assert!(commands.contains(&"unpin".to_owned()), "{commands:?}");
    assert!(!commands.contains(&"documents".to_owned()), "{commands:?}");
}

#[test]
fn each_shell_has_a_script_that_asks_exitstat() {
    let directory = documents();
    for (name, says) in [
        ("exitstat.bash", "complete -o nospace"),
        ("_exitstat", "#compdef exitstat\n"),
        (
            "_exitstat",
            "= _exitstat ]] && _clap_dynamic_completer_exitstat",
        ),
        ("_exitstat", "other -M 'm:{a-z-}={A-Z_}'\n"),
        ("exitstat.fish", "complete"),
    ] {
        let path = directory.path().join("out/completions").join(name);
        let text = fs::read_to_string(path).unwrap();
        assert!(text.contains(says), "{name}: {text}");
        assert!(text.contains("EXITSTAT_COMPLETE"), "{name}: {text}");
    }
}
