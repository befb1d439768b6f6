// SPDX-License-Identifier: GPL-2.0

//! `exitstat record`, with a recording instead of the device.

mod common;

use common::{boot, recording};
use exitstat_cli::{
    model::Scope,
    source::recording::{End, Ending, Reader, Recording},
};
use std::{
    fs::{self, Permissions},
    io::Read,
    os::unix::fs::{symlink, MetadataExt, PermissionsExt},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

fn directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("from.rec"), recording(&boot())).unwrap();
    directory
}

fn record(directory: &Path, options: &[&str], command: &[&str]) -> Command {
    record_to(directory, "out.rec", options, command)
}

fn record_to(directory: &Path, output: &str, options: &[&str], command: &[&str]) -> Command {
    let mut record = Command::new(env!("CARGO_BIN_EXE_exitstat"));
    record
        .args(["record", "--from", "from.rec", "-o", output])
        .args(options)
        .current_dir(directory);
    if !command.is_empty() {
        record.arg("--").args(command);
    }
    record
}

fn out(directory: &Path) -> Recording {
    Recording::open(&directory.join("out.rec")).unwrap()
}

#[test]
fn a_commands_exit_status_is_passed_on() {
    for (command, status) in [
        (&["true"][..], 0),
        (&["sh", "-c", "exit 7"], 7),
        (&["sh", "-c", "kill -TERM $$"], 128 + 15),
    ] {
        let directory = directory();
        let output = record(directory.path(), &[], command).output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{command:?}");
        let ending = out(directory.path()).ending;
        let status = Some(status as u8);
        assert_eq!(ending, Ending::Whole(End { status }), "{command:?}");
    }
}

/// Returns the names in a directory.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_recording_that_does_not_begin_leaves_what_was_there() {
    for old in [None, Some("old")] {
        let directory = directory();
        let path = directory.path();
        fs::write(path.join("no-fifo"), "").unwrap();
        if let Some(old) = old {
            fs::write(path.join("out.rec"), old).unwrap();
        }
        let before = names(path);
        for (options, command, status) in [
            (&[][..], &["/nonexistent"][..], 127),
            (&[], &["/"], 126),
            (&["--marks", "no-fifo"], &["true"], 125),
            (&["--marks", "no-fifo"], &[], 6),
            (&["--marks", "none/marks"], &["true"], 125),
        ] {
            let output = record(path, options, command).output().unwrap();
            assert_eq!(output.status.code(), Some(status), "{output:?}");
            let now = fs::read_to_string(path.join("out.rec")).ok();
            assert_eq!(now.as_deref(), old, "{options:?} {command:?}");
            assert_eq!(names(path), before, "{options:?} {command:?}");
        }
    }
}

#[test]
fn a_signal_leaves_the_old_recording_or_a_new_one_and_nothing_else() {
    let directory = directory();
    let path = directory.path();
    fs::write(path.join("out.rec"), "old").unwrap();
    let before = names(path);
    let (mut old, mut new) = (0, 0);
    for n in 0..40 {
        let mut child = record(path, &["-i", "60"], &[]).spawn().unwrap();
        thread::sleep(Duration::from_micros(500 * n));
        // Background jobs of a shell and nohup ignore SIGINT and SIGHUP, so either would be lost if it arrived
        // before the handlers are installed.
        kill(&child, "-TERM");
        child.wait().unwrap();
        assert_eq!(names(path), before);
        match fs::read(path.join("out.rec")).unwrap().as_slice() {
            b"old" => old += 1,
            _ => {
                assert!(matches!(out(path).ending, Ending::Whole(_)));
                new += 1;
            }
        }
        fs::write(path.join("out.rec"), "old").unwrap();
    }
    println!("{old} old, {new} new");
}

#[test]
fn what_is_replaced_keeps_its_mode_and_the_links_to_it() {
    let directory = directory();
    let path = directory.path();
    let run = |output: &str| {
        let status = record_to(path, output, &[], &["true"]).status();
        assert!(status.unwrap().success(), "{output}");
    };
    let whole = |name: &str| {
        let recording = Recording::open(&path.join(name)).unwrap();
        assert!(matches!(recording.ending, Ending::Whole(_)), "{name}");
    };
    fs::create_dir(path.join("data")).unwrap();
    fs::write(path.join("data/real.rec"), "old").unwrap();
    fs::set_permissions(path.join("data/real.rec"), Permissions::from_mode(0o640)).unwrap();
    symlink("data/real.rec", path.join("link")).unwrap();
    run("link");
    assert!(path.join("link").is_symlink());
    whole("data/real.rec");
    let mode = fs::metadata(path.join("data/real.rec")).unwrap().mode();
    assert_eq!(mode & 0o777, 0o640);
    assert_eq!(names(&path.join("data")), ["real.rec"]);

    // Both names of a file must show the new content.
    fs::write(path.join("one"), "old").unwrap();
    fs::hard_link(path.join("one"), path.join("two")).unwrap();
    run("one");
    whole("two");

    symlink("later.rec", path.join("nowhere")).unwrap();
    run("nowhere");
    whole("later.rec");

    // It is read until it is replaced.
    run("from.rec");
    whole("from.rec");
}

#[test]
fn pipes_and_devices_are_written_as_they_are() {
    let directory = directory();
    let path = directory.path();
    let exitstat = env!("CARGO_BIN_EXE_exitstat");
    let shell = |script: &str| {
        let script = script.replace("RECORD", &format!("{exitstat} record --from from.rec"));
        let status = Command::new("sh")
            .args(["-c", &script])
            .current_dir(path)
            .status();
        assert!(status.unwrap().success(), "{script}");
    };
    shell("RECORD -o /dev/null -- true");
    shell("RECORD -o /dev/stdout -- true | cat >piped");
    shell("RECORD -o /dev/stdout -- true >redirected");
    shell("mkfifo pipe; cat pipe >read & RECORD -o pipe -- true && wait");
    shell("RECORD -o /dev/stdout -- /nonexistent | cat >failed");
    shell("RECORD -o /dev/full -- touch started; test $? = 125 && ! test -e started");
    for name in ["piped", "redirected", "read", "failed"] {
        let recording = Recording::open(&path.join(name)).unwrap();
        assert!(matches!(recording.ending, Ending::Whole(_)), "{name}");
    }
    assert!(path.join("pipe").exists());
}

#[test]
fn the_last_sample_is_of_the_commands_end() {
    let directory = directory();
    let status = record(directory.path(), &["-i", "60"], &["true"]).status();
    assert!(status.unwrap().success());
    let recording = out(directory.path());
    // The first two of the four snapshots in from.rec.
    assert_eq!(recording.snapshots, 2);
    assert_eq!(recording.period.seconds.unwrap().0, 1.0);
    assert_eq!(recording.metadata.interval_ns, 60_000_000_000);
    assert_eq!(recording.metadata.hostname, None);
    assert!(recording.metadata.command_line.contains(&"-o".to_owned()));
    assert!(!recording.metadata.kernel.is_empty());
}

#[test]
fn snapshots_are_taken_while_the_command_runs() {
    let directory = directory();
    let output = record(
        directory.path(),
        &["-i", "20ms", "--hostname"],
        &["sleep", "1"],
    )
    .output()
    .unwrap();
    assert!(output.status.success());
    let recording = out(directory.path());
    // About 50 on an idle machine.
    assert!(
        (5..60).contains(&recording.snapshots),
        "{}",
        recording.snapshots
    );
    assert!(recording.metadata.hostname.is_some());
}

#[test]
fn a_recorder_that_fails_has_a_status_of_its_own() {
    let directory = directory();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_exitstat"));
        let status = command
            .arg("record")
            .args(arguments)
            .current_dir(directory.path());
        status.stderr(Stdio::null()).status().unwrap().code()
    };
    let no_file = ["--from", "nothing", "-o", "out.rec"];
    assert_eq!(run(&no_file), Some(5));
    assert_eq!(run(&[&no_file[..], &["--", "true"]].concat()), Some(125));
    assert!(!directory.path().join("out.rec").exists());
    let no_directory = ["--from", "from.rec", "-o", "no/out.rec", "--", "true"];
    assert_eq!(run(&no_directory), Some(125));
}

fn kill(child: &Child, signal: &str) {
    let mut kill = Command::new("kill");
    let status = kill.args([signal, &child.id().to_string()]).status();
    assert!(status.unwrap().success());
}

/// Waits until a file has this many bytes, at most ten seconds.
fn wait_for(file: &Path, length: u64) {
    let begin = Instant::now();
    while fs::metadata(file).map_or(0, |file| file.len()) < length {
        assert!(
            begin.elapsed() < Duration::from_secs(10),
            "{}",
            file.display()
        );
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_signal_ends_a_recording_well() {
    for signal in ["-INT", "-TERM", "-HUP"] {
        let directory = directory();
        let mut child = record(directory.path(), &["-i", "10ms"], &[])
            .spawn()
            .unwrap();
        wait_for(&directory.path().join("out.rec"), 3000);
        kill(&child, signal);
        assert_eq!(child.wait().unwrap().code(), Some(0), "{signal}");
        let ending = out(directory.path()).ending;
        assert_eq!(ending, Ending::Whole(End { status: None }), "{signal}");
    }
}

#[test]
fn what_was_written_before_a_kill_is_readable() {
    let directory = directory();
    let mut child = record(directory.path(), &["-i", "5ms"], &[])
        .spawn()
        .unwrap();
    wait_for(&directory.path().join("out.rec"), 20_000);
    kill(&child, "-KILL");
    child.wait().unwrap();
    let recording = out(directory.path());
    assert!(recording.snapshots > 3);
    assert!(
        !matches!(recording.ending, Ending::Whole(_)),
        "{:?}",
        recording.ending
    );
}

#[test]
fn a_command_gets_signals_that_are_sent_to_exitstat() {
    let directory = directory();
    let script = "trap 'echo got it; exit 3' TERM; echo ready; \
                  for i in $(seq 1000); do sleep 0.01; done; exit 9";
    let mut child = record(directory.path(), &[], &["sh", "-c", script])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut ready = [0; 6];
    output.read_exact(&mut ready).unwrap();
    kill(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(3));
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "got it\n");
    let status = Some(3);
    assert_eq!(out(directory.path()).ending, Ending::Whole(End { status }));
}

/// Returns the snapshots of a complete recording.
fn snapshots(path: &Path) -> Vec<Vec<u8>> {
    let recording = Recording::open(path).unwrap();
    assert!(
        matches!(recording.ending, Ending::Whole(_)),
        "{}",
        path.display()
    );
    let mut reader = Reader::open(path).unwrap();
    std::iter::from_fn(|| reader.next_bytes().unwrap()).collect()
}

#[test]
fn a_full_file_is_put_aside_and_nothing_is_lost_between_two() {
    let directory = directory();
    let path = directory.path();
    let from = common::named(&boot(), &[(0, common::entry(1, "web", None))]);
    fs::write(path.join("from.rec"), from).unwrap();
    fs::write(path.join("out.1.rec"), "not ours").unwrap();
    // Each snapshot fills the file. The command runs until a file with number 4 or higher exists.
    let options = ["-i", "0.001", "--rotate", "1B", "--keep", "2"];
    let command = "until ls | grep -Eq '^out\\.([4-9]|[1-9][0-9]+)\\.rec$'; do :; done";
    let status = record(path, &options, &["sh", "-c", command]).status();
    assert_eq!(status.unwrap().code(), Some(0));
    assert_eq!(
        fs::read_to_string(path.join("out.1.rec")).unwrap(),
        "not ours"
    );
    let number = |name: &String| -> Option<u64> {
        let number = name.strip_prefix("out.")?.strip_suffix(".rec")?;
        number.parse().ok()
    };
    let mut numbers: Vec<_> = names(path).iter().filter_map(number).collect();
    numbers.sort_unstable();
    let last = *numbers.last().unwrap();
    assert_eq!(numbers, [1, last - 1, last]);
    let files = [
        format!("out.{}.rec", last - 1),
        format!("out.{last}.rec"),
        "out.rec".to_owned(),
    ];
    let files = files.map(|name| path.join(name));
    for pair in files.windows(2) {
        let [before, after] = [0, 1].map(|i| snapshots(&pair[i]));
        // The last snapshot of the previous file, and the one that filled this file.
        assert_eq!(before.len(), 2);
        assert_eq!(before.last(), after.first());
        let counts = Recording::open(&pair[1]).unwrap().period.counts;
        assert_eq!(counts.identity(1).unwrap().name().as_deref(), Some("web"));
    }
}

#[test]
fn a_phase_goes_on_in_the_next_file() {
    let directory = directory();
    let path = directory.path();
    let options = ["-i", "60", "--rotate", "1B", "--marks", "marks"];
    // Each mark takes a snapshot, which makes the file full.
    let command =
        "echo one >marks; until [ -e out.1.rec ]; do kill -0 $PPID && sleep 0.01 || exit; done";
    let status = record(path, &options, &["sh", "-c", command]).status();
    assert!(status.unwrap().success());
    let labels = |name: &str| {
        let phases = Recording::open(&path.join(name)).unwrap().phases;
        phases
            .into_iter()
            .map(|phase| phase.label)
            .collect::<Vec<_>>()
    };
    assert_eq!(labels("out.1.rec"), ["", "one"]);
    assert_eq!(labels("out.rec"), ["one"]);
}

#[test]
fn a_pipe_cannot_be_rotated() {
    let directory = directory();
    let output = record_to(directory.path(), "/dev/stdout", &["--rotate", "1h"], &[])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("--rotate needs a file"), "{error}");
}

#[test]
fn names_of_vms_are_recorded_unless_they_are_left_out() {
    let directory = directory();
    let web = common::entry(1, "web", Some(common::WEB));
    let from = common::named(&common::boot(), &[(0, web)]);
    fs::write(directory.path().join("from.rec"), from).unwrap();
    let name = |options: &[&str]| {
        let status = record(directory.path(), options, &["true"]).status();
        assert!(status.unwrap().success());
        let bytes = fs::read(directory.path().join("out.rec")).unwrap();
        let counts = out(directory.path()).period.counts;
        let identity = counts.identity(1);
        // The format's version, whether the file contains the name, and whether the VM has the name.
        let has_name = bytes.windows(5).any(|window| window == b"\"web\"");
        (bytes[8], has_name, identity.and_then(|of| of.name()))
    };
    assert_eq!(name(&[]), (2, true, Some("web".to_owned())));
    assert_eq!(name(&["--no-names"]), (2, false, None));
    assert_eq!(name(&["--uncompressed"]), (1, true, Some("web".to_owned())));
}

/// Writes three marks, each after the snapshot of the one before, so that record takes all four snapshots of from.rec.
/// There must be no out.rec yet.
const THREE_MARKS: &[&str] = &[
    "sh",
    "-c",
    "until [ -s out.rec ]; do kill -0 $PPID && sleep 0.01 || exit; done
    for n in 1 2 3; do
        length=$(stat -c %s out.rec)
        echo $n >marks
        until [ $(stat -c %s out.rec) -gt $length ]; do kill -0 $PPID && sleep 0.01 || exit; done
    done",
];

#[test]
fn one_vm_is_recorded_alone_with_its_last_exits() {
    for vm in ["2", "web", common::WEB] {
        let directory = directory();
        let web = common::entry(2, "web", Some(common::WEB));
        let from = common::named(&common::boot(), &[(1, web)]);
        fs::write(directory.path().join("from.rec"), from).unwrap();
        let options = ["-i", "60", "--marks", "marks", "--vm", vm];
        let output = record(directory.path(), &options, THREE_MARKS).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}");
        let counts = out(directory.path()).period.counts;
        assert_eq!(counts.vms().into_iter().collect::<Vec<_>>(), [2]);
        assert_eq!(counts.identity(2).unwrap().name(), Some("web".to_owned()));
        let whole = Recording::open(&directory.path().join("from.rec")).unwrap();
        let scope = Scope::Vm(2);
        assert_eq!(counts.by_vcpus(scope), whole.period.counts.by_vcpus(scope));
        assert_eq!(counts.by_vcpus(scope).unwrap().total().exits, 751);
        assert_eq!(counts.by_vcpus(Scope::Host), counts.by_vcpus(scope));
    }
}

#[test]
fn a_vm_to_record_must_exist_unless_the_command_may_start_it() {
    let directory = directory();
    let path = directory.path();
    let output = record(path, &["--vm", "9"], &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("no such VM: 9"), "{said}");
    assert_eq!(names(path), ["from.rec"]);
    let output = record(path, &["--vm", "9"], &["true"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("out.rec: no VM matched --vm"), "{said}");
    assert!(out(path).period.counts.vms().is_empty());
    // The VMs of a recording are none of this command's.
    fs::remove_file(path.join("out.rec")).unwrap();
    let options = ["-i", "60", "--marks", "marks", "--only-command"];
    let output = record(path, &options, THREE_MARKS).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(out(path).period.counts.vms().is_empty());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("started no VM, so nothing"), "{said}");
}

#[test]
fn two_vms_with_the_name_do_not_end_a_recording() {
    let directory = directory();
    let path = directory.path();
    let mut host = common::Host::new(7);
    host.exits((0, 1, 0), 12, 100, 900, 0);
    let mut from = vec![host.snapshot(0)];
    host.end(1);
    host.exits((0, 2, 0), 12, 20, 900, 0);
    host.exits((0, 3, 0), 12, 3, 900, 0);
    from.push(host.snapshot(1000));
    host.end(3);
    host.exits((0, 2, 0), 12, 7, 900, 0);
    from.push(host.snapshot(2000));
    host.exits((0, 2, 0), 12, 5, 900, 0);
    from.push(host.snapshot(3000));
    let entries = [(0, 1), (1, 2), (1, 3)].map(|(n, vm)| (n, common::entry(vm, "web", None)));
    fs::write(path.join("from.rec"), common::named(&from, &entries)).unwrap();
    let options = ["-i", "60", "--marks", "marks", "--vm", "web"];
    let output = record(path, &options, THREE_MARKS).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.matches("2 VMs match --vm web").count(), 1, "{said}");
    let counts = out(path).period.counts;
    assert_eq!(counts.vms().into_iter().collect::<Vec<_>>(), [1, 2]);
    // VM 2 is recorded once the other one has ended.
    let exits = |vm| counts.by_vcpus(Scope::Vm(vm)).unwrap().total().exits;
    assert_eq!([exits(1), exits(2)], [0, 32]);
}

#[test]
fn a_recording_of_one_vm_has_no_metrics_of_the_host() {
    let directory = directory();
    let path = directory.path();
    assert!(record(path, &["--vm", "1"], &["true"])
        .status()
        .unwrap()
        .success());
    let metrics = |recording: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_exitstat"))
            .args(["export", "--textfile", "x.prom", "--from", recording])
            .current_dir(path)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        fs::read_to_string(path.join("x.prom")).unwrap()
    };
    assert!(metrics("from.rec").contains("exitstat_host_exits_total{"));
    let of_one = metrics("out.rec");
    assert!(!of_one.contains("exitstat_host"), "{of_one}");
    assert!(of_one.contains("exitstat_exits_total{vm=\"1\""), "{of_one}");
}

/// Returns the labels of a recording's phases, the first of which has none.
fn phases(directory: &Path) -> Vec<String> {
    let phases = out(directory).phases.into_iter();
    phases.map(|phase| phase.label).collect()
}

#[test]
fn marks_name_the_moments_that_they_come_at() {
    let directory = directory();
    // from.rec has four snapshots: one at the beginning, one per mark for the first two, and one at the end, at
    // the third mark, whose line has no newline.
    let script =
        "echo one >marks; sleep 0.3; echo two >marks; sleep 0.3; echo >marks; printf end >marks";
    let mut record = record(
        directory.path(),
        &["-i", "60", "--marks", "marks"],
        &["sh", "-c", script],
    );
    assert!(record.status().unwrap().success());
    assert_eq!(phases(directory.path()), ["", "one", "two", "end"]);
    assert_eq!(out(directory.path()).snapshots, 4);
    assert!(!directory.path().join("marks").exists());
}

#[test]
fn marks_come_through_a_fifo_and_nothing_else() {
    let directory = directory();
    let mkfifo = Command::new("mkfifo")
        .arg("own")
        .current_dir(directory.path())
        .status();
    assert!(mkfifo.unwrap().success());
    let mut own = record(
        directory.path(),
        &["--marks", "own"],
        &["sh", "-c", "echo x >own; sleep 0.3"],
    );
    assert!(own.status().unwrap().success());
    assert_eq!(phases(directory.path()), ["", "x"]);
    // It existed before and stays.
    assert!(directory.path().join("own").exists());
    fs::write(directory.path().join("file"), "").unwrap();
    for wrong in ["file", "no/marks"] {
        let output = record(directory.path(), &["--marks", wrong], &[]).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(6), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(wrong), "{said}");
    }
    assert!(directory.path().join("file").exists());
}
