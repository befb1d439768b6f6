// SPDX-License-Identifier: GPL-2.0

//! Manual pages by clap_mangen, with option values in the synopsis and with additional sections. Examples and exit
//! statuses come from the help texts, if these have them.

use clap::{Arg, ArgAction, Command};
use clap_mangen::Man;
use roff::{bold, italic, roman, Inline, Roff};
use std::{error::Error, fs, path::Path};

/// Content of a page that the command's help lacks: examples, unless the help has some, and related pages.
struct Page {
    command: &'static str,
    examples: &'static str,
    related: &'static [&'static str],
}

const fn page(
    command: &'static str,
    examples: &'static str,
    related: &'static [&'static str],
) -> Page {
    Page {
        command,
        examples,
        related,
    }
}

const PAGES: &[Page] = &[
    page(
        "exitstat",
        "",
        &["perf-kvm-stat(1)", "bpftool(8)", "cpuid(1)"],
    ),
    page(
        "vms",
        "exitstat vms                                rates over one second\n\
         exitstat vms --from boot.rec --format csv   rates over the recording",
        &["exitstat-top(1)"],
    ),
    page(
        "top",
        "sudo exitstat top                    update every second\n\
         sudo exitstat top 0.5 --capture key  also show the keys of exits\n\
         exitstat top --from boot.rec         replay a recording",
        &["exitstat-vms(1)", "exitstat-detail(1)", "top(1)"],
    ),
    page(
        "record",
        "exitstat record -o boot.rec -- ./start-vm     until the command ends\n\
         exitstat record -o day.rec -i 1m              until Ctrl-C\n\
         exitstat record -o x.rec --marks /tmp/marks -- ./run-vm",
        &[
            "exitstat-report(1)",
            "exitstat-diff(1)",
            "exitstat-plot(1)",
            "exitstat-check(1)",
        ],
    ),
    page(
        "report",
        "exitstat report boot.rec\n\
         exitstat report boot.rec --vm 3 --sort exits\n\
         exitstat report boot.rec --phases\n\
         exitstat report boot.rec --format json",
        &[
            "exitstat-record(1)",
            "exitstat-diff(1)",
            "exitstat-detail(1)",
        ],
    ),
    page(
        "diff",
        "exitstat diff before.rec after.rec\n\
         exitstat diff before.rec after.rec --per-second --sort cycles\n\
         exitstat diff before.rec after.rec --details",
        &["exitstat-record(1)", "exitstat-report(1)"],
    ),
    page(
        "plot",
        "exitstat plot boot.rec -o rate.svg\n\
         exitstat plot boot.rec -o totals.png --kind totals\n\
         exitstat plot boot.rec -o ept.png --kind histogram --reason EPT_VIOLATION",
        &["exitstat-record(1)", "exitstat-report(1)"],
    ),
    page(
        "check",
        "exitstat record -o run.rec -- ./start-vm &&\n\
         \x20 exitstat check run.rec --budget budget.toml",
        &["exitstat-record(1)", "exitstat-report(1)"],
    ),
    page(
        "detail",
        "",
        &[
            "exitstat-record(1)",
            "exitstat-slow(1)",
            "exitstat-explain(1)",
        ],
    ),
    page(
        "slow",
        "sudo exitstat slow --capture both -i 10\n\
         exitstat slow --from boot.rec --reason HLT,EPT_VIOLATION -n 20",
        &["exitstat-detail(1)", "exitstat-record(1)"],
    ),
    page(
        "guest",
        "exitstat guest\n\
         exitstat guest --reason CPUID --format json",
        &["cpuid(1)"],
    ),
    page(
        "explain",
        "exitstat explain                   all reasons, one line each\n\
         exitstat explain EPT_VIOLATION\n\
         exitstat explain --from boot.rec   the exits in a recording with details",
        &["exitstat-detail(1)", "exitstat-record(1)"],
    ),
    page("export", "", &["exitstat-top(1)", "prometheus(1)"]),
    page(
        "enable",
        "",
        &["exitstat-disable(1)", "modprobe(8)", "mokutil(1)"],
    ),
    page(
        "disable",
        "sudo exitstat disable\n\
         sudo exitstat disable --next-boot   on a host with running VMs",
        &["exitstat-enable(1)", "modprobe(8)"],
    ),
    page(
        "unpin",
        "sudo exitstat export --pin   BPF keeps counting after it ends\n\
         sudo exitstat unpin",
        &["bpftool(8)"],
    ),
];

/// Sections of the help that are not made of paragraphs.
const VERBATIM: &[&str] = &["Examples", "A budget"];

/// Writes the pages of a command and its subcommands. `keys` are the keys of `exitstat top`.
pub fn write(
    command: &Command,
    directory: &Path,
    keys: &[(&str, &str)],
) -> Result<(), Box<dyn Error>> {
    let mut root = command.clone();
    root.build();
    let statuses = statuses(&root);
    let commands = root.get_subcommands();
    for command in commands
        .filter(|command| is_documented(command))
        .chain([&root])
    {
        let name = command.get_name();
        let page = PAGES
            .iter()
            .find(|page| page.command == name)
            .ok_or_else(|| format!("build/man.rs has no page for {name}"))?;
        let mut text = Vec::new();
        let full_name = match name {
            "exitstat" => name.to_owned(),
            name => format!("exitstat-{name}"),
        };
        let man = Man::new(command.clone())
            .title(full_name.to_uppercase())
            // An empty date would be omitted, and the source would take its place.
            .date(" ")
            .source(format!("exitstat {}", env!("CARGO_PKG_VERSION")))
            .manual("User Commands");
        man.render_title(&mut text)?;
        man.render_name_section(&mut text)?;
        synopsis(command).to_writer(&mut text)?;
        man.render_description_section(&mut text)?;
        man.render_options_section(&mut text)?;
        if command.get_subcommands().any(is_documented) {
            commands_section(command).to_writer(&mut text)?;
        }
        let mut roff = Roff::new();
        sections(&mut roff, command, page, &statuses, keys);
        roff.to_writer(&mut text)?;
        fs::write(directory.join(format!("{full_name}.1")), text)?;
    }
    Ok(())
}

fn is_documented(command: &Command) -> bool {
    !command.is_hide_set() && command.get_name() != "help"
}

/// Returns the synopsis: one line, each option with its value.
fn synopsis(command: &Command) -> Roff {
    let name = command.get_bin_name().unwrap_or(command.get_name());
    let mut line = vec![bold(name)];
    let shown = |arg: &&Arg| !arg.is_hide_set();
    for arg in command.get_opts().chain(flags(command)).filter(shown) {
        let name = match (arg.get_short(), arg.get_long()) {
            (Some(short), _) => format!("-{short}"),
            (None, long) => format!("--{}", long.unwrap_or_default()),
        };
        let mut words = vec![bold(name)];
        if arg.get_action().takes_values() {
            words.extend([roman(" "), italic(value(arg))]);
        }
        optional(&mut line, words, arg.is_required_set());
    }
    for arg in command.get_positionals().filter(shown) {
        let many = arg
            .get_num_args()
            .is_some_and(|range| range.max_values() > 1);
        let name = format!("{}{}", value(arg), if many { "..." } else { "" });
        let mut words = Vec::new();
        if arg.is_last_set() {
            words.push(bold("-- "));
        }
        words.push(italic(name));
        optional(&mut line, words, arg.is_required_set());
    }
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]).text(line);
    if command.get_subcommands().any(is_documented) {
        roff.control("br", []);
        roff.text([bold(name), roman(" "), italic("COMMAND"), roman(" [...]")]);
    }
    roff
}

fn flags(command: &Command) -> impl Iterator<Item = &Arg> {
    let is_flag = |arg: &&Arg| {
        let is_about = matches!(
            arg.get_action(),
            ArgAction::Help | ArgAction::HelpLong | ArgAction::HelpShort | ArgAction::Version
        );
        !arg.is_positional() && !arg.get_action().takes_values() && !is_about
    };
    command.get_arguments().filter(is_flag)
}

fn value(arg: &Arg) -> String {
    match arg.get_value_names() {
        Some(names) => names.join(" "),
        None => arg.get_id().to_string().to_uppercase(),
    }
}

fn optional(line: &mut Vec<Inline>, words: Vec<Inline>, is_required: bool) {
    line.push(roman(if is_required { " " } else { " [" }));
    line.extend(words);
    if !is_required {
        line.push(roman("]"));
    }
}

fn commands_section(command: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]);
    for command in command.get_subcommands().filter(|c| is_documented(c)) {
        let about = command.get_about().map(ToString::to_string);
        roff.control("TP", []);
        roff.text([
            bold(format!("exitstat-{}", command.get_name())),
            roman("(1)"),
        ]);
        roff.text([roman(about.unwrap_or_default())]);
    }
    roff
}

/// Writes the sections that clap_mangen lacks.
fn sections(
    roff: &mut Roff,
    command: &Command,
    page: &Page,
    statuses: &[(String, String)],
    keys: &[(&str, &str)],
) {
    let help = parts(command);
    let is_special = |title: &str| ["Examples", "Exit status", "Options"].contains(&title);
    for (title, lines) in help.iter().filter(|(title, _)| !is_special(title)) {
        let title = if title.is_empty() { "Notes" } else { title };
        roff.control("SH", [title.to_uppercase().as_str()]);
        body(roff, lines, VERBATIM.contains(&title));
    }
    if page.command == "top" {
        roff.control("SH", ["KEYS"]);
        list(roff, keys.iter().copied());
    }
    roff.control("SH", ["EXIT STATUS"]);
    let has = |id: &str| command.get_arguments().any(|arg| arg.get_id() == id);
    let can_be = |status: &str| match (page.command, status) {
        ("exitstat", _) | (_, "0") => true,
        ("enable" | "disable", status) => ["1", "2"].contains(&status),
        ("check", "1") | ("guest", "4") | (_, "2" | "6") | ("unpin", "3") => true,
        (_, "3") => has("source"),
        (_, "5") => has("from") || has("file") || has("a"),
        ("record", "") => true,
        _ => false,
    };
    let texts = statuses.iter().filter(|(status, _)| can_be(status));
    for (status, text) in texts {
        let text = match (page.command, status.as_str()) {
            ("enable" | "disable", "1") => {
                "failure; the error message gives the reason and a remedy"
            }
            ("exitstat" | "check", "2") | ("exitstat", _) => text,
            // Only `check` reads a budget.
            (_, "2") => "the command line is invalid",
            _ => text
                .strip_prefix(&format!("`{}`: ", page.command))
                .unwrap_or(text),
        };
        match status.is_empty() {
            true => roff.control("PP", []),
            false => roff.control("TP", []).text([bold(status)]),
        };
        roff.text([roman(text)]);
    }
    roff.control("SH", ["EXAMPLES"]);
    let examples = help.iter().find(|(title, _)| title == "Examples");
    let own: Vec<_> = page.examples.lines().map(str::to_owned).collect();
    body(roff, examples.map_or(&own, |(_, lines)| lines), true);
    let files = files(page.command, has);
    if !files.is_empty() {
        roff.control("SH", ["FILES"]);
        list(roff, files.into_iter());
    }
    roff.control("SH", ["SEE ALSO"]);
    let root = (page.command != "exitstat").then_some("exitstat(1)");
    let pages: Vec<_> = root
        .into_iter()
        .chain(page.related.iter().copied())
        .collect();
    roff.text([roman(pages.join(", "))]);
}

/// Returns the host's files that a command with these options uses.
fn files(command: &str, has: impl Fn(&str) -> bool) -> Vec<(&'static str, &'static str)> {
    let mut files = Vec::new();
    if has("source") {
        files.push(("/dev/kvm_exitstat", "counters of the module kvm_exitstat"));
    }
    if has("source") || command == "unpin" {
        files.push((
            "/sys/fs/bpf/exitstat",
            "BPF programs and counters pinned by --pin",
        ));
    }
    if has("capture") || command == "export" {
        files.push((
            "/sys/module/kvm_exitstat/parameters/detail",
            "details that the module captures: off, key, ip or both",
        ));
    }
    if has("next_boot") {
        files.push((
            "/lib/modules/*/updates/exitstat",
            "modules that replace the packaged ones",
        ));
    }
    files
}

fn list<'a>(roff: &mut Roff, items: impl Iterator<Item = (&'a str, &'a str)>) {
    for (name, text) in items {
        roff.control("TP", []);
        roff.text([bold(name)]);
        roff.text([roman(text)]);
    }
}

/// Writes lines verbatim, or each line as a paragraph.
fn body(roff: &mut Roff, lines: &[String], is_verbatim: bool) {
    if is_verbatim {
        roff.control("nf", []);
        for line in lines {
            roff.text([roman(line)]);
        }
        roff.control("fi", []);
        return;
    }
    for line in lines.iter().filter(|line| !line.is_empty()) {
        roff.control("PP", []);
        roff.text([roman(line)]);
    }
}

/// Returns the parts of the text after a command's options. A part is a title that ends in a colon, and indented lines.
/// Lines without indentation form a part without a title.
fn parts(command: &Command) -> Vec<(String, Vec<String>)> {
    let text = command.get_after_long_help().map(ToString::to_string);
    let mut parts: Vec<(String, Vec<String>)> = Vec::new();
    for line in text.unwrap_or_default().lines() {
        let indented = line.strip_prefix("  ");
        match (indented, parts.last_mut()) {
            (None, _) if line.ends_with(':') => {
                parts.push((line.trim_end_matches(':').to_owned(), Vec::new()));
            }
            (None, Some((title, lines))) if line.is_empty() || title.is_empty() => {
                lines.push(line.to_owned());
            }
            (None, _) => parts.push((String::new(), vec![line.to_owned()])),
            (Some(text), Some((_, lines))) => lines.push(text.to_owned()),
            (Some(text), None) => parts.push((String::new(), vec![text.to_owned()])),
        }
    }
    for (_, lines) in &mut parts {
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
    }
    parts
}

/// Returns exit statuses and their meanings. A text without a number applies to the whole list.
fn statuses(root: &Command) -> Vec<(String, String)> {
    let parts = parts(root);
    let lines = parts.iter().find(|(title, _)| title == "Exit status");
    let mut statuses: Vec<(String, String)> = Vec::new();
    for line in lines.map_or(&[][..], |(_, lines)| lines) {
        let number = line
            .split_once("  ")
            .filter(|(n, _)| n.parse::<u8>().is_ok());
        match (number, statuses.last_mut()) {
            (Some((number, text)), _) => statuses.push((number.to_owned(), text.to_owned())),
            (None, Some((number, text))) if number.is_empty() || line.starts_with(' ') => {
                *text += " ";
                *text += line.trim_start();
            }
            (None, _) => statuses.push((String::new(), line.clone())),
        }
    }
    statuses
}
