// SPDX-License-Identifier: GPL-2.0

//! docs/report.md agrees with its recordings: each command in it is run again, and each number in its prose is
//! in the commands' output or marked as quoted. With EXITSTAT_UPDATE=1, the output and the pictures are
//! replaced. Numbers in the prose that are no longer right are only listed, for somebody to rewrite.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Start of a command in a code block.
const PROMPT: &str = "    $ ";

/// Marks a line with others' numbers, which these recordings cannot show.
const QUOTED: &str = "<!-- quoted -->";

fn update() -> bool {
    env::var_os("EXITSTAT_UPDATE").is_some()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Copies the recordings and the scripts that the report's commands use.
fn copy() -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for directory in ["docs/report", "tests/report"] {
        fs::create_dir_all(copy.path().join(directory)).unwrap();
        for entry in fs::read_dir(root().join(directory)).unwrap() {
            let file = entry.unwrap();
            if file.file_type().unwrap().is_file()
                && file.path().extension() != Some("svg".as_ref())
            {
                let to = copy.path().join(directory).join(file.file_name());
                fs::copy(file.path(), to).unwrap();
            }
        }
    }
    copy
}

/// Returns the output of a command in the report.
fn output(directory: &Path, command: &str) -> String {
    let exitstat = Path::new(env!("CARGO_BIN_EXE_exitstat")).parent().unwrap();
    let path = env::var("PATH").unwrap_or_default();
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(directory)
        .env("PATH", format!("{}:{path}", exitstat.display()))
        .env("TZ", "UTC")
        .env_remove("CLICOLOR_FORCE")
        .output()
        .unwrap();
    assert!(output.status.success(), "{command}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the report with its commands' current output.
fn run_again(report: &str, directory: &Path) -> String {
    let mut again = String::new();
    let mut lines = report.lines().peekable();
    while let Some(line) = lines.next() {
        again += &format!("{line}\n");
        let Some(command) = line.strip_prefix(PROMPT) else {
            continue;
        };
        let mut command = command.to_owned();
        while command.ends_with('\\') {
            let line = lines.next().unwrap();
            again += &format!("{line}\n");
            command = command.trim_end_matches('\\').to_owned() + line.trim();
        }
        let old = |line: &&str| line.starts_with("    ") && !line.starts_with(PROMPT);
        while lines.next_if(old).is_some() {}
        for line in output(directory, &command).lines() {
            again += match line {
                "" => "    .\n".to_owned(),
                line => format!("    {line}\n"),
            }
            .as_str();
        }
    }
    again
}

/// Returns the separate numbers in a text, which may have thousands separators or a decimal point.
fn numbers(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_.,-/=".contains(c);
    text.split(|c| !is_part(c))
        .map(|word| word.trim_matches(|c: char| ".,-".contains(c)))
        .filter(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .filter(|word| word.chars().all(|c| c.is_ascii_digit() || ".,".contains(c)))
        .map(|word| word.replace(',', ""))
        .collect()
}

#[test]
fn the_report_is_what_the_recordings_say() {
    let file = root().join("docs/report.md");
    let report = fs::read_to_string(&file).unwrap();
    let copy = copy();
    let again = run_again(&report, copy.path());
    let update = update();
    if update {
        fs::write(&file, &again).unwrap();
    }
    for (n, (old, new)) in report.lines().zip(again.lines()).enumerate() {
        assert!(update || old == new, "line {}:\n{old}\n{new}", n + 1);
    }
    assert!(update || report == again);

    // The pictures beside the recordings are those that its commands draw.
    let pictures = |directory: &Path| {
        let entries = fs::read_dir(directory.join("docs/report")).unwrap();
        let files = entries.map(|entry| entry.unwrap().path());
        let pictures = files.filter(|file| file.extension() == Some("svg".as_ref()));
        pictures.collect::<Vec<_>>()
    };
    let drawn = pictures(copy.path());
    assert!(!drawn.is_empty());
    for picture in &drawn {
        let name = picture.file_name().unwrap();
        let (new, there) = (
            fs::read(picture).unwrap(),
            root().join("docs/report").join(name),
        );
        if update {
            fs::write(&there, &new).unwrap();
        }
        assert!(
            fs::read(&there).unwrap() == new,
            "{name:?} is another picture"
        );
        let name = name.to_string_lossy();
        assert!(
            report.contains(&format!("(report/{name})")),
            "{name} is not shown"
        );
    }
    assert_eq!(drawn.len(), pictures(&root()).len());
}

#[test]
fn each_number_in_the_reports_prose_is_measured_or_quoted() {
    let report = fs::read_to_string(root().join("docs/report.md")).unwrap();
    let (shown, prose): (Vec<_>, Vec<_>) = report
        .lines()
        .filter(|line| !line.contains(QUOTED))
        .partition(|line| line.starts_with("    ") && !line.starts_with(PROMPT));
    let measured = numbers(&shown.join("\n"));
    let prose = prose.into_iter().filter(|line| !line.starts_with(PROMPT));
    let unknown: Vec<_> = numbers(&prose.collect::<Vec<_>>().join("\n"))
        .into_iter()
        // Smaller numbers are counts of things in the text, and sizes.
        .filter(|number| number.len() > 2 && !measured.contains(number))
        .collect();
    if update() && !unknown.is_empty() {
        eprintln!(
            "docs/report.md: no command shows these numbers of its prose any more: {unknown:?}"
        );
        return;
    }
    assert!(unknown.is_empty(), "no command shows {unknown:?}");
}

#[test]
fn recordings_are_small_and_all_of_them_are_used() {
    let report = fs::read_to_string(root().join("docs/report.md")).unwrap();
    for entry in fs::read_dir(root().join("docs/report")).unwrap() {
        let file = entry.unwrap();
        let name = file.file_name().to_string_lossy().into_owned();
        let size = file.metadata().unwrap().len();
        assert!(size <= 450_000, "{name} has {size} bytes");
        let stem = name.split('.').next().unwrap_or_default();
        assert!(report.contains(stem), "{name} is not in the report");
    }
}

/// Each guest of the study began and ended during its recording, one at a time.
#[test]
fn the_only_vm_has_all_the_hosts_exits() {
    let exits = |name: &str, scope: &str| {
        let command = format!("exitstat report docs/report/{name} {scope} --format csv");
        let csv = output(&root(), &command);
        // Without the scope and the columns that only vCPUs have.
        let cells = csv.lines().map(|line| {
            let cells: Vec<_> = line.split(',').collect();
            [cells[6], cells[8], cells[11]].map(str::to_owned)
        });
        cells.collect::<Vec<_>>()
    };
    for name in ["debian.rec", "minimal.rec", "disk-no-ioeventfd.rec"] {
        let csv = output(
            &root(),
            &format!("exitstat vms --from docs/report/{name} --format csv"),
        );
        let vms: Vec<_> = csv.lines().skip(1).collect();
        let [vm] = vms[..] else {
            panic!("{name}: {csv}");
        };
        let vm = vm.split(',').next().unwrap();
        assert_eq!(
            exits(name, &format!("--vm {vm}")),
            exits(name, ""),
            "{name}"
        );
    }
}

#[test]
fn numbers_are_found_in_prose() {
    let found = numbers("Of 1,234 exits (12.5 %), IA32_TSC, x2apic, 4 KiB; i440fx, 7.3.4. 99.");
    let found: Vec<_> = found.iter().map(String::as_str).collect();
    assert_eq!(found, ["12.5", "1234", "4", "7.3.4", "99"]);
}
