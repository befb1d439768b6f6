// SPDX-License-Identifier: GPL-2.0

//! Output of the command, compared with files in `expected/`. `EXITSTAT_UPDATE=1 cargo test` rewrites them:
//! review the changes with git.

mod common;

use common::{
    amd, boot, boot_without_ept, details, details_after, ended, entry, kernel, marked, named,
    ports_by_turns, recording, with_host_name, Host,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::Path,
    process::{Command, Output, Stdio},
};
use tempfile::TempDir;
use unicode_width::UnicodeWidthStr;

const BUDGET: &str = "\
[total]
exits = 2000
[reason.EPT_VIOLATION]
exits = 700
cycles = 4_000_000
[reason.30]
user_exits = 30
[reason.HLT]
exits = 0
";

/// Creates a directory with recordings.
fn directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(directory.path().join(name), bytes).unwrap();
    let whole = recording(&boot());
    write("boot.rec", &whole);
    write("ept0.rec", &recording(&boot_without_ept()));
    write(
        "marked.rec",
        &marked(
            &boot(),
            &[(1, "kernel"), (2, "work"), (2, "disk"), (3, "end")],
        ),
    );
    write("hostname.rec", &with_host_name(&boot()));
    let web = entry(1, "web", Some(common::WEB));
    let two = [(0, web.clone()), (1, entry(2, "db\u{1b}[2J", None))];
    write("named.rec", &named(&boot(), &two));
    let twins = [(0, web), (1, entry(2, "web", None))];
    write("twins.rec", &named(&boot(), &twins));
    // The same names with other numbers.
    let swapped = [
        (0, entry(1, "db", None)),
        (1, entry(2, "web", Some(common::WEB))),
    ];
    write("swapped.rec", &named(&boot(), &swapped));
    write("torn.rec", &whole[..whole.len() - 100]);
    // A byte of the third snapshot.
    let mut damaged = whole.clone();
    damaged[1800] ^= 1;
    write("damaged.rec", &damaged);
    write("one.rec", &recording(&boot()[..1]));
    let mut reloaded = boot()[..2].to_vec();
    let mut host = Host::new(8);
    host.exits((0, 1, 0), 10, 5, 1000, 0);
    reloaded.push(host.snapshot(2000));
    write("reloaded.rec", &recording(&reloaded));
    write(
        "empty.rec",
        &recording(&[Host::new(1).snapshot(0), Host::new(1).snapshot(1000)]),
    );
    write("amd.rec", &recording(&amd(false)));
    write("counts.rec", &recording(&amd(true)));
    write("detail.rec", &recording(&details(false)));
    write("ips.rec", &recording(&details(true)));
    write("ended.rec", &recording(&ended()));
    write("after.rec", &recording(&details_after()));
    write("turns.rec", &recording(&ports_by_turns()));
    let (map, offset) = (include_str!("data/System.map"), 0x1c00_0000);
    write("System.map", map.as_bytes());
    // The list of a running kernel, without the symbols of the list itself.
    let moved = map
        .lines()
        .filter(|line| !line.contains("kallsyms_"))
        .map(|line| {
            let (address, rest) = line.split_once(' ').unwrap();
            let address = u64::from_str_radix(address, 16).unwrap() + offset;
            format!("{address:x} {rest}\n")
        });
    let moved: String = moved.collect();
    write("kallsyms", moved.as_bytes());
    write("kernel.rec", &recording(&kernel(offset)));
    write("rebooted.rec", &recording(&kernel(0x1e00_0000)));
    write("budget.toml", BUDGET.as_bytes());
    write(
        "wide.toml",
        b"total.exits = 2000\nreason.ept-violation.cycles = 1_000_000_000\n",
    );
    write(
        "time.toml",
        b"total.time_cycles = 4_000_000\n[reason.IO_INSTRUCTION]\ncycles = 200_000\nuser_cycles = 200_000\n",
    );
    write("intel.toml", b"reason.ept-violation.exits = 1\n");
    write("unknown.toml", b"[reason.EPT]\nexits = 1\n");
    write("field.toml", b"[total]\nexists = 1\n");
    write("nothing.toml", b"");
    write(
        "parts.toml",
        b"[port.0x3f8]\nexits = 100\nuser_exits = 300\n[mmio.0xfed000f0]\nexits = 0\n",
    );
    write(
        "part-time.toml",
        b"port.0x3f8.user_cycles = 1_000_000\nport.0x3f8.time_cycles = 9_000_000\n",
    );
    write("msr.toml", b"[msr.0x6e0]\nexits = 1000\n");
    write("port.toml", b"[port.COM1]\nexits = 1\n");
    write(
        "kernel.toml",
        b"[total]\nexits = 2000\n[reason.EPT_VIOLATION]\nexits = 700\n[reason.12]\nexits = 0\n",
    );
    write(
        "twice.toml",
        b"reason.48.exits = 1\nreason.EPT_VIOLATION.exits = 2\n",
    );
    directory
}

fn exitstat(directory: &Path, words: &str) -> Output {
    run(directory, words, None)
}

/// Runs a command line on a terminal of this width.
fn run(directory: &Path, words: &str, width: Option<usize>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_exitstat"))
        .args(words.split_whitespace())
        .current_dir(directory)
        // Otherwise help is as wide as the terminal.
        .stdin(Stdio::null())
        .env_remove("COLUMNS")
        .envs(width.map(|width| ("COLUMNS", width.to_string())))
        .env("TZ", "UTC")
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .output()
        .unwrap()
}

/// Compares the complete output of a command line with the expected one.
fn compare(name: &str, words: &str) {
    compare_at(name, words, None);
}

/// Like [`compare`], on a terminal of this width, which no line exceeds.
fn compare_at(name: &str, words: &str, width: Option<usize>) {
    let directory = directory();
    let output = run(directory.path(), words, width);
    if let Some(width) = width {
        let text = String::from_utf8_lossy(&output.stdout);
        for line in text.lines() {
            assert!(line.width() <= width, "wider than {width}: {line}");
        }
    }
    let text = format!(
        "$ exitstat {words}\n{}{}# exit status {}\n",
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
        output.status.code().unwrap(),
    );
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/expected/{name}"));
    if env::var_os("EXITSTAT_UPDATE").is_some() {
        fs::write(&file, &text).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    assert!(text == expected, "{}, but:\n{text}", file.display());
}

macro_rules! outputs {
    ($($name:ident: $words:literal,)*) => {$(
        #[test]
        fn $name() {
            compare(stringify!($name), $words);
        }
    )*};
}

outputs! {
    stat: "--from boot.rec",
    stat_interval: "1 --from boot.rec",
    stat_interval_time: "1 3 --from boot.rec --time --sort exits",
    stat_no_totals: "1 -y --from boot.rec",
    stat_count_without_totals: "1 1 -y --from boot.rec",
    stat_for: "1 --for 2s --from boot.rec --reason HLT",
    stat_for_too_short: "2 --for 1s --from boot.rec",
    stat_for_csv: "1 --for 2 --from boot.rec --format csv --reason HLT",
    stat_host_name: "1 1 --vm 1 --from hostname.rec",
    report_host_name: "report hostname.rec",
    stat_longer_interval: "1.5 --from boot.rec",
    stat_vm: "--vm 1 --from boot.rec --sort reason",
    stat_vm_gone: "1 --vm 2 --from boot.rec",
    stat_vm_ended: "--vm 2 --from boot.rec",
    stat_vm_later: "1 1 --vm 2 --from boot.rec --format csv",
    stat_vm_within: "10 --vm 2 --from boot.rec",
    stat_vcpu_gone: "1 --vm 2 --vcpu 0 --from boot.rec --format csv",
    stat_no_vm_at_any_time: "1 --vm 9 --from boot.rec",
    stat_vcpu: "1 2 --vm 1 --vcpu 0 --from boot.rec",
    stat_cpu: "--cpu 1 --from boot.rec",
    stat_reason: "--reason 48,cpuid,MSR_READ --from boot.rec --all",
    stat_user_time: "--sort user-time --from boot.rec",
    stat_kernel_time: "--sort kernel-time --from amd.rec",
    stat_json: "1 2 --from boot.rec --format json",
    stat_csv: "1 2 --from boot.rec --format csv",
    stat_torn: "1 --from torn.rec",
    stat_damaged: "1 --from damaged.rec",
    stat_damaged_not_reached: "1 1 --from damaged.rec",
    stat_no_vm: "--vm 9 --from boot.rec",
    stat_no_cpu: "--cpu 9 --from boot.rec",
    stat_no_reason: "--reason EPT",
    stat_no_command: "vmz",
    vms: "vms --from boot.rec",
    vms_json: "vms --from boot.rec --format json",
    vms_csv: "vms --from boot.rec --format csv",
    vms_damaged: "vms --from damaged.rec --format csv",
    vms_ended: "vms --from ended.rec",
    vms_sorted: "vms --from ended.rec --sort exits -n 1",
    vms_like: "vms --from boot.rec --name QEMU --sort user-time",
    vms_not_named: "vms --from boot.rec --name crosvm",
    vms_counts_sorted: "vms --from counts.rec --sort time",
    vms_named: "vms --from named.rec",
    vms_named_json: "vms --from named.rec --format json",
    vms_named_csv: "vms --from named.rec --format csv",
    named_stat: "--vm web --from named.rec --reason cpuid",
    named_stat_uuid: "1 1 --vm 4DEA22B3-1D52-D8F3-2516-782E98AB3FA0 --from named.rec --format json --reason cpuid",
    named_stat_csv: "1 2 --vm web --vcpu 0 --from named.rec --format csv --reason cpuid",
    named_stat_later: "1 --vm db?[2J --from named.rec --reason 48",
    named_stat_none: "1 --vm mail --from named.rec",
    named_stat_twins: "--vm web --from twins.rec",
    named_stat_process: "--vm qemu-system-x86 --from named.rec",
    named_report: "report named.rec --vm web --reason cpuid",
    named_report_twins: "report twins.rec --vm web",
    named_report_number: "report twins.rec --vm 2 --reason 48",
    named_phases: "report named.rec --phases --vm web",
    named_check: "check named.rec --budget kernel.toml --vm web",
    named_diff: "diff named.rec swapped.rec --vm web",
    named_diff_none: "diff named.rec boot.rec --vm web",
    vms_none: "vms --from empty.rec",
    report: "report boot.rec",
    report_vm: "report boot.rec --vm 2",
    report_phase_without_vm: "report marked.rec --phase disk --vm 2",
    report_no_vm: "report boot.rec --vm 9",
    report_vms_ended: "report ended.rec --vm 1",
    report_sorted: "report boot.rec --sort p99 --time",
    report_torn: "report torn.rec",
    report_damaged: "report damaged.rec",
    report_damaged_phase: "report damaged.rec --phase disk",
    report_one: "report one.rec",
    report_reloaded: "report reloaded.rec",
    report_empty: "report empty.rec",
    report_phases: "report marked.rec --phases",
    report_phases_vm: "report marked.rec --phases --vm 2 --time",
    report_phases_json: "report marked.rec --phases --format json --vm 2",
    report_phases_csv: "report marked.rec --phases --format csv",
    report_phases_none: "report boot.rec --phases",
    report_phase: "report marked.rec --phase kernel",
    report_phase_json: "report marked.rec --phase disk --format json",
    report_until: "report marked.rec --until disk",
    report_no_phase: "report marked.rec --phase work",
    report_no_phases: "report boot.rec --phase work",
    report_no_recording: "report budget.toml",
    report_no_file: "report nothing",
    diff: "diff boot.rec ept0.rec",
    diff_phase: "diff marked.rec marked.rec --phase disk --all --reason 48",
    diff_until: "diff boot.rec marked.rec --until disk",
    diff_same: "diff boot.rec boot.rec",
    diff_per_second: "diff boot.rec ept0.rec --per-second --sort cycles --reason 30,10",
    diff_user_time: "diff boot.rec ept0.rec --sort user-time -n 2",
    diff_time: "diff --details detail.rec after.rec --sort time -n 3",
    diff_per_second_of_one: "diff boot.rec one.rec --per-second",
    diff_damaged: "diff boot.rec damaged.rec",
    diff_json: "diff boot.rec ept0.rec --format json --reason 48,28",
    diff_csv: "diff boot.rec ept0.rec --format csv",
    diff_details: "diff --details detail.rec after.rec",
    diff_details_cycles: "diff --details detail.rec after.rec --sort cycles --all --reason MSR_WRITE",
    diff_details_json: "diff --details detail.rec after.rec --format json --reason IO_INSTRUCTION",
    diff_details_csv: "diff --details detail.rec after.rec --format csv",
    diff_details_ips: "diff --details ips.rec ips.rec --all",
    diff_details_unlike: "diff --details detail.rec ips.rec",
    diff_details_none: "diff --details boot.rec after.rec",
    check: "check boot.rec --budget kernel.toml",
    check_json: "check boot.rec --budget kernel.toml --format json",
    check_csv: "check boot.rec --budget kernel.toml --format csv",
    check_partial_users: "check boot.rec --budget budget.toml --partial",
    check_time: "check boot.rec --budget time.toml --partial",
    check_time_parts: "check detail.rec --budget part-time.toml",
    check_time_cpu: "check boot.rec --budget time.toml --cpu 0",
    check_ok: "check boot.rec --budget wide.toml",
    check_vm: "check boot.rec --budget budget.toml --vm 1",
    check_vm_gone: "check boot.rec --budget kernel.toml --vm 2",
    check_vcpu_gone: "check boot.rec --budget kernel.toml --vm 2 --vcpu 0",
    check_vms_ended: "check ended.rec --budget kernel.toml --vm 1",
    check_vcpus_ended: "check ended.rec --budget kernel.toml --vm 3 --vcpu 0",
    check_vm_ended_parts: "check ended.rec --budget parts.toml --vm 3",
    check_user_exits: "check boot.rec --budget budget.toml",
    check_unknown: "check boot.rec --budget unknown.toml",
    check_field: "check boot.rec --budget field.toml",
    check_nothing: "check boot.rec --budget nothing.toml",
    check_twice: "check boot.rec --budget twice.toml",
    check_torn: "check torn.rec --budget wide.toml",
    check_damaged: "check damaged.rec --budget wide.toml",
    check_damaged_partial: "check damaged.rec --budget wide.toml --partial",
    check_partial: "check torn.rec --budget wide.toml --partial",
    check_parts: "check detail.rec --budget parts.toml",
    check_parts_unknown: "check detail.rec --budget msr.toml",
    check_parts_partial: "check detail.rec --budget msr.toml --partial",
    check_parts_none: "check boot.rec --budget parts.toml",
    check_parts_wrong: "check boot.rec --budget port.toml",
    check_reloaded: "check reloaded.rec --budget wide.toml",
    amd_interval: "1 --from amd.rec",
    amd_all_reasons: "--from amd.rec --reason npf,0x72,-1,undefined,48 --time --sort reason",
    amd_json: "1 1 --from amd.rec --format json --reason npf",
    amd_vms: "vms --from amd.rec",
    amd_no_module: "diff boot.rec amd.rec",
    amd_no_module_json: "diff boot.rec amd.rec --format json --reason cpuid",
    amd_check: "check amd.rec --budget wide.toml",
    amd_check_nothing: "check amd.rec --budget intel.toml",
    counts_interval: "1 --from counts.rec",
    counts_csv: "report counts.rec --format csv",
    counts_vms: "vms --from counts.rec",
    counts_diff: "diff amd.rec counts.rec",
    counts_check: "check counts.rec --budget wide.toml",
    explain_json: "explain hlt --format json",
    explain_found: "explain --from detail.rec",
    explain_found_reason: "explain msr-write --from detail.rec",
    explain_found_ips: "explain --from ips.rec 30",
    explain_found_turns: "explain --from turns.rec",
    explain_found_json: "explain io-instruction --from detail.rec --format json",
    explain_found_csv: "explain msr-write --from detail.rec --format csv",
    explain_found_none: "explain --from boot.rec",
    explain_found_vm: "explain --from detail.rec --vm 2",
    explain_found_phase: "explain --from detail.rec --phase disk",
    diff_details_rows: "diff --details detail.rec after.rec -n 2",
    slow_no_vm: "slow --from detail.rec --vm 9",
    slow_no_match: "slow --from detail.rec WBINVD",
    detail_until: "detail --from detail.rec --until boot",
    detail: "detail --from detail.rec",
    detail_rows: "detail --from detail.rec -n 2 --sort cycles",
    detail_user_time: "detail --from detail.rec --sort user-time -n 1",
    detail_vm: "detail --from detail.rec --vm 1 MSR_WRITE io-instruction",
    detail_vm_ended: "detail --from ended.rec --vm 3",
    detail_ips: "detail --from ips.rec",
    detail_reasons: "detail --from ips.rec HLT --reason io-instruction,MSR_WRITE",
    detail_json: "detail --from ips.rec --format json MSR_WRITE",
    detail_csv: "detail --from detail.rec --format csv",
    detail_symbols: "detail --from kernel.rec --symbols System.map",
    detail_symbols_kaslr: "detail --from kernel.rec --symbols System.map --kaslr 0x1c000000 CPUID HLT",
    detail_symbols_json: "detail --from kernel.rec --symbols kallsyms --format json CPUID HLT",
    detail_symbols_csv: "detail --from kernel.rec --symbols kallsyms --format csv",
    detail_symbols_wrong: "detail --from kernel.rec --symbols System.map --kaslr 0x1c200000",
    detail_symbols_stale: "detail --from rebooted.rec --symbols kallsyms",
    detail_symbols_two_vms: "detail --from ips.rec --symbols System.map",
    detail_symbols_nested: "detail --from ips.rec --symbols System.map --vm 1",
    detail_symbols_none: "detail --from kernel.rec --symbols budget.toml",
    detail_symbols_no_ips: "detail --from detail.rec --vm 1 --symbols System.map",
    detail_qmp_none: "detail --from kernel.rec --vm 1 --qmp vm.qmp",
    detail_none: "detail --from boot.rec",
    detail_of_bpf: "detail --from amd.rec",
    detail_no_vm: "detail --from detail.rec --vm 9",
    detail_of_a_cpu: "detail --from detail.rec --cpu 0",
    slow: "slow --from detail.rec",
    slow_ips: "slow --from ips.rec --vm 2",
    slow_reasons: "slow --from ips.rec --reason hlt,cpuid msr-write",
    slow_json: "slow --from ips.rec --format json io-instruction hlt",
    slow_csv: "slow --from detail.rec --format csv",
    slow_none: "slow --from boot.rec",
    detail_report: "report detail.rec",
    idle_time: "1 --time --from boot.rec --format json",
    idle_nested: "--nested --from amd.rec",
    idle_sort: "report counts.rec --sort p99",
    idle_sort_cpu: "--cpu 1 --from boot.rec --sort p99",
    idle_time_counts: "--time --from counts.rec",
    idle_diff_sort: "diff amd.rec counts.rec --sort cycles",
    idle_rows: "detail --from detail.rec -n 5 --format csv",
    idle_interval: "vms --from boot.rec -i 2",
    idle_reason: "plot boot.rec -o x.svg --reason HLT",
    idle_mark: "plot boot.rec -o x.svg --mark 5=late",
    idle_explain: "explain HLT --counts",
    source_contradicts: "--source device --counts",
    source_of_a_recording: "--source bpf --from boot.rec",
    format_as_file: "report boot.rec -o json",
    format_as_picture: "plot boot.rec -o csv",
    help: "--help",
    help_check: "check --help",
}

macro_rules! outputs_at_80_columns {
    ($($name:ident: $words:literal,)*) => {$(
        #[test]
        fn $name() {
            compare_at(stringify!($name), $words, Some(80));
        }
    )*};
}

outputs_at_80_columns! {
    at_80_stat: "--from boot.rec",
    at_80_stat_time: "1 --from boot.rec --time",
    at_80_stat_p99: "--from boot.rec --sort p99",
    at_80_stat_nested: "--from boot.rec --nested",
    at_80_stat_amd: "1 --from amd.rec",
    at_80_stat_cpu: "--cpu 1 --from boot.rec",
    at_80_report: "report boot.rec",
    at_80_report_one: "report one.rec",
    at_80_report_details: "report detail.rec",
    at_80_phases: "report marked.rec --phases",
    at_80_diff: "diff boot.rec ept0.rec",
    at_80_diff_time: "diff boot.rec ept0.rec --sort time --per-second",
    at_80_diff_details: "diff --details detail.rec after.rec --sort time",
    at_80_vms: "vms --from boot.rec",
    at_80_check: "check boot.rec --budget kernel.toml",
    at_80_detail: "detail --from kernel.rec --symbols System.map",
    at_80_slow: "slow --from ips.rec",
    at_80_explain: "explain",
    at_80_explain_reason: "explain EPT_VIOLATION",
    at_80_explain_found: "explain --from detail.rec",
    at_80_help: "--help",
    at_80_help_check: "check --help",
    at_80_help_detail: "detail --help",
}

#[test]
fn colour_is_for_terminals_that_want_it() {
    let directory = directory();
    let run = |variables: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_exitstat"));
        command
            .args(["--from", "boot.rec"])
            .current_dir(directory.path());
        command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
        let output = command.envs(variables.iter().copied()).output().unwrap();
        output.stdout.contains(&0x1b)
    };
    assert!(!run(&[]), "a pipe is no terminal");
    assert!(run(&[("CLICOLOR_FORCE", "1")]));
    assert!(!run(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
}

#[test]
fn a_broken_pipe_is_no_error() {
    let directory = directory();
    let mut reader = Command::new("true").stdin(Stdio::piped()).spawn().unwrap();
    let pipe = reader.stdin.take().unwrap();
    reader.wait().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_exitstat"))
        .args(["1", "--from", "boot.rec"])
        .current_dir(directory.path())
        .stdout(pipe)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let directory = directory();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_exitstat"))
        .args(["--from", "boot.rec"])
        .current_dir(directory.path())
        .stdout(full)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(6));
}

/// Columns of `diff` are named after JSON's fields, with an object's name as a prefix, and have the same
/// values.
#[test]
fn columns_of_a_comparison_are_named_as_in_json() {
    let directory = directory();
    let print = |words: &str, format: &str| {
        let output = exitstat(directory.path(), &format!("diff {words} --format {format}"));
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let is_same = |value: Option<&serde_json::Value>, text: &str| match value {
        None => text.is_empty(),
        Some(serde_json::Value::String(value)) => value == text,
        // JSON's parser rounds.
        Some(value) => match (value.as_f64(), text.parse::<f64>()) {
            (Some(a), Ok(b)) => (a - b).abs() <= a.abs() * 1e-12,
            _ => text.parse().ok() == value.as_bool(),
        },
    };
    for (words, rows) in [
        ("boot.rec ept0.rec", "reasons"),
        ("boot.rec ept0.rec --per-second", "reasons"),
        ("amd.rec counts.rec", "reasons"),
        ("--details detail.rec after.rec", "details"),
    ] {
        let json: serde_json::Value = serde_json::from_str(&print(words, "json")).unwrap();
        let csv = print(words, "csv");
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let header = reader.headers().unwrap().clone();
        let table: Vec<_> = reader.records().map(Result::unwrap).collect();
        let rows = json[rows].as_array().unwrap();
        assert_eq!(table.len(), rows.len() + 1, "{words}");
        for (row, line) in rows.iter().chain([&json["total"]]).zip(&table) {
            for (column, text) in header.iter().zip(line) {
                let (object, field) = column.rsplit_once('_').unwrap_or_default();
                let value = [&row[column], &row[object][field], &json[column]];
                let value = value.into_iter().find(|value| !value.is_null());
                // docs/cli.md states this.
                let is_other = (column, text, value) == ("what", "other", None);
                assert!(is_other || is_same(value, text), "{words}: {column} {text}");
            }
        }
        for field in json.as_object().unwrap().keys() {
            let is_elsewhere = ["schema", "document", "total", "reasons", "details"];
            assert!(
                is_elsewhere.contains(&field.as_str()) || header.iter().any(|name| name == field),
                "{words}: {field}"
            );
        }
    }
}

/// Commands that print all documents, with and without optional fields.
const DOCUMENTS: &[&str] = &[
    "--from boot.rec --format json",
    "1 --vm 1 --vcpu 0 --from boot.rec --format json",
    "--cpu 0 --from boot.rec --format json",
    "vms --from boot.rec --format json",
    "detail --from ips.rec --format json",
    "slow --from ips.rec --format json",
    "diff boot.rec ept0.rec --format json",
    "diff --details ips.rec ips.rec --all --format json",
    "explain --from ips.rec --format json",
    "explain --format json",
    "explain hlt --format json",
    "report marked.rec --phases --format json",
    "check boot.rec --budget kernel.toml --format json",
    "1 1 --from amd.rec --format json",
    "report counts.rec --format json",
    "report boot.rec --vm 1 --all --format json",
    "report marked.rec --phase disk --format json",
    "1 2 --from boot.rec --format json",
    "diff boot.rec counts.rec --format json",
    "diff boot.rec amd.rec --per-second --format json",
    "detail --from detail.rec --format json",
    "detail --from kernel.rec --symbols kallsyms --format json",
    "check ips.rec --budget parts.toml --format json",
    "vms --from ended.rec --format json",
];

/// Returns the documents that a command prints.
fn documents(directory: &Path, words: &str) -> Vec<serde_json::Value> {
    let output = exitstat(directory, words);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.is_empty(), "{words}");
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Every field of every document is documented.
#[test]
fn the_schema_documents_all_fields() {
    fn fields(value: &serde_json::Value, found: &mut BTreeSet<String>) {
        match value {
            serde_json::Value::Array(values) => values.iter().for_each(|v| fields(v, found)),
            serde_json::Value::Object(object) => {
                for (name, value) in object {
                    found.insert(name.clone());
                    fields(value, found);
                }
            }
            _ => (),
        }
    }
    let schema = include_str!("../../../docs/json.md");
    let directory = directory();
    let mut found = BTreeSet::new();
    for words in DOCUMENTS {
        for document in documents(directory.path(), words) {
            assert_eq!(document["schema"], "exitstat/1", "{words}");
            let name = document["document"].as_str().unwrap_or_default();
            let name = format!("`{name}`");
            let mut headings = schema.lines().filter(|line| line.starts_with("## "));
            assert!(headings.any(|line| line.contains(&name)), "{words}");
            fields(&document, &mut found);
        }
    }
    let missing: Vec<_> = found
        .iter()
        .filter(|name| !schema.contains(&format!("`{name}`")))
        .collect();
    assert!(missing.is_empty(), "{missing:?} are not in docs/json.md");
    assert!(found.len() > 40, "{found:?}");
}

/// Each document is valid according to its file in docs/schema, and each file has a document.
#[test]
fn documents_are_valid_by_their_schemas() {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema");
    let mut compiler = boon::Compiler::new();
    let mut compiled = boon::Schemas::new();
    let mut known = BTreeMap::new();
    for file in fs::read_dir(&schemas).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if name != "common" {
            let schema = compiler.compile(path.to_str().unwrap(), &mut compiled);
            known.insert(name, schema.unwrap_or_else(|error| panic!("{error:#}")));
        }
    }
    let directory = directory();
    let mut seen = BTreeSet::new();
    for words in DOCUMENTS {
        for mut document in documents(directory.path(), words) {
            let name = document["document"].as_str().unwrap().to_owned();
            let schema = known[&name];
            if let Err(error) = compiled.validate(&document, schema) {
                panic!("{words}: {error:#}");
            }
            // Schemas reject unknown fields.
            document["unheard_of"] = 1.into();
            assert!(compiled.validate(&document, schema).is_err(), "{words}");
            seen.insert(name);
        }
    }
    assert!(seen.iter().eq(known.keys()), "{seen:?}");
}

#[test]
fn at_70_diff() {
    compare_at("at_70_diff", "diff boot.rec ept0.rec", Some(70));
}

#[test]
fn the_last_line_of_explain_is_broken_too() {
    let keys = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/report/debian-keys.rec"
    );
    let output = run(Path::new("."), &format!("explain --from {keys}"), Some(60));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\nOther kinds: "), "{text}");
    assert!(text.lines().all(|line| line.width() <= 60), "{text}");
}
