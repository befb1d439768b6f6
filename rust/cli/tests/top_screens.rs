// SPDX-License-Identifier: GPL-2.0

//! Screens of `exitstat top`, drawn into memory.
//! `EXITSTAT_UPDATE=1 cargo test` rewrites the screens in `expected/`.

mod common;
mod made;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use exitstat_cli::{
    commands::top::{
        app::{App, Request},
        draw::{draw, Look},
        replay::Replay,
        step::Span,
        watch::Watch,
    },
    model::Sample,
    source::recording::{Reader, Recording},
};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use ratatui::{backend::TestBackend, style::Modifier, Terminal};
use std::{
    env, fmt::Write, fs, io::Write as _, path::Path, process::Command, sync::LazyLock, thread,
    time::Duration,
};
use tempfile::NamedTempFile;

/// A live view on a screen of a certain size.
struct Top {
    app: App,
    replay: Option<(Replay, NamedTempFile)>,
    watch: Option<Watch>,
    terminal: Terminal<TestBackend>,
}

impl Top {
    /// Plays a recording.
    fn play(recording: &[u8], columns: u16, rows: u16) -> Self {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(recording).unwrap();
        let mut replay = Replay::open(file.path()).unwrap();
        let timeline = replay.timeline().clone();
        let start = replay.step(timeline.start(), Span::Interval).unwrap();
        Self {
            replay: Some((replay, file)),
            ..Self::of(App::new(Some(timeline), start), columns, rows)
        }
    }

    /// Plays a recording to its end.
    fn at_end(recording: &[u8], columns: u16, rows: u16) -> Self {
        let mut top = Self::play(recording, columns, rows);
        top.run();
        top
    }

    fn of(app: App, columns: u16, rows: u16) -> Self {
        Self {
            app,
            replay: None,
            watch: None,
            terminal: Terminal::new(TestBackend::new(columns, rows)).unwrap(),
        }
    }

    /// Watches a kernel, starting with a snapshot.
    fn watch(snapshot: &[u8], columns: u16, rows: u16) -> Self {
        let watch = Watch::new(Sample::parse(snapshot).unwrap());
        let app = App::new(None, watch.step(Span::Interval));
        Self {
            watch: Some(watch),
            ..Self::of(app, columns, rows)
        }
    }

    /// Takes another snapshot.
    fn take(&mut self, snapshot: &[u8]) {
        let watch = self.watch.as_mut().unwrap();
        watch.add(Sample::parse(snapshot).unwrap());
        let at = watch.at();
        self.show(at);
    }

    /// Advances time until playback stops.
    fn run(&mut self) {
        while let Some(at) = self.next() {
            self.show(at);
        }
    }

    fn next(&self) -> Option<usize> {
        self.app.playback.next(self.app.at())
    }

    fn delay(&self, interval: Duration) -> Duration {
        self.app.playback.delay(self.app.at(), interval)
    }

    fn show(&mut self, at: usize) {
        let span = self.app.span();
        self.app.show(match (&mut self.replay, &self.watch) {
            (Some((replay, _)), _) => replay.step(at, span).unwrap(),
            (None, watch) => watch.as_ref().unwrap().step(span),
        });
    }

    fn press(&mut self, code: KeyCode) -> Request {
        let request = self.app.key(KeyEvent::new(code, KeyModifiers::NONE));
        if let Request::Show(at) = request {
            self.show(at);
        }
        request
    }

    /// Presses keys, and draws after each one like top.
    fn keys(&mut self, keys: &str) -> &mut Self {
        for key in keys.split_whitespace() {
            self.press(code(key));
            self.screen();
        }
        self
    }

    fn resize(&mut self, columns: u16, rows: u16) {
        self.terminal.backend_mut().resize(columns, rows);
        self.terminal.autoresize().unwrap();
    }

    fn screen(&mut self) -> String {
        let look = Look {
            colours: false,
            zone: TimeZone::UTC,
        };
        let drawn = self
            .terminal
            .draw(|frame| draw(frame, &mut self.app, &look));
        let buffer = drawn.unwrap().buffer;
        let lines = buffer.content().chunks(buffer.area.width.max(1).into());
        let text = lines.map(|line| line.iter().map(|cell| cell.symbol()).collect::<String>());
        text.map(|line| line.trim_end().to_owned() + "\n").collect()
    }

    /// Returns the text of a screen's reversed cells.
    fn selected(&mut self) -> String {
        self.screen();
        let buffer = self.terminal.backend().buffer();
        let reversed = |cell: &&ratatui::buffer::Cell| cell.modifier.contains(Modifier::REVERSED);
        let cells = buffer.content().iter().filter(reversed);
        cells.map(|cell| cell.symbol()).collect()
    }
}

fn code(key: &str) -> KeyCode {
    match key {
        "Up" => KeyCode::Up,
        "Down" => KeyCode::Down,
        "Left" => KeyCode::Left,
        "Right" => KeyCode::Right,
        "PgUp" => KeyCode::PageUp,
        "PgDn" => KeyCode::PageDown,
        "Home" => KeyCode::Home,
        "End" => KeyCode::End,
        "Enter" => KeyCode::Enter,
        "Esc" => KeyCode::Esc,
        "Space" => KeyCode::Char(' '),
        "Backspace" => KeyCode::Backspace,
        "F1" => KeyCode::F(1),
        _ => KeyCode::Char(key.chars().next().unwrap()),
    }
}

/// Compares screens with a file in `expected/`.
fn assert_screens(name: &str, screens: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/expected/{name}"));
    if env::var_os("EXITSTAT_UPDATE").is_some() {
        fs::write(&file, screens).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    for (line, (drawn, expected)) in screens.lines().zip(expected.lines()).enumerate() {
        assert_eq!(drawn, expected, "{}:{}", file.display(), line + 1);
    }
    assert_eq!(screens.len(), expected.len(), "{}", file.display());
}

/// Compares a view at the end of a recording, at each width.
fn assert_view(name: &str, recording: &[u8], keys: &str) {
    let mut screens = String::new();
    for columns in [40, 80, 120, 200] {
        let mut top = Top::at_end(recording, columns, 24);
        let screen = top.keys(keys).screen();
        write!(screens, "{columns} columns\n{screen}").unwrap();
    }
    assert_screens(name, &screens);
}

fn marked() -> Vec<u8> {
    made::marked(20, &[(2, "boot"), (12, "login")])
}

#[test]
fn vms_of_a_recording_have_their_names_as_of_then() {
    let names = [
        (0, common::entry(1, "web", None)),
        (3, common::entry(1, "mail", None)),
    ];
    let mut top = Top::at_end(&common::named(&common::boot(), &names), 80, 24);
    let shown = |screen: String, name| screen.lines().any(|line| line.ends_with(name));
    assert!(shown(top.screen(), " mail"));
    // Back to the start, and forward again.
    assert!(shown(top.keys("Left Left").screen(), " web"));
    assert!(shown(top.keys("c").screen(), " web"));
}

#[test]
fn vms_and_the_reasons_of_the_selected_one() {
    assert_view("top_vms", &marked(), "Down");
}

#[test]
fn vcpus_of_a_vm() {
    assert_view("top_vcpus", &marked(), "Down v Down");
}

#[test]
fn reasons() {
    assert_view("top_reasons", &marked(), "Enter Down");
}

#[test]
fn details() {
    let recording = common::recording(&common::details(true));
    assert_view("top_details", &recording, "Enter End Enter");
}

#[test]
fn details_that_were_not_captured() {
    assert_view("top_no_details", &marked(), "Enter Enter");
}

#[test]
fn help() {
    assert_view("top_help", &marked(), "?");
}

#[test]
fn on_low_screens_the_focused_table_stays() {
    let mut screens = String::new();
    for rows in [1, 2, 3, 5, 8, 12, 18] {
        for keys in ["", "Enter"] {
            let mut top = Top::at_end(&marked(), 60, rows);
            let screen = top.keys(keys).screen();
            write!(screens, "{rows} rows\n{screen}").unwrap();
        }
    }
    assert_screens("top_low", &screens);
}

#[test]
fn there_are_figures_on_the_first_screen() {
    let snapshots = common::boot();
    let mut top = Top::watch(&snapshots[0], 80, 24);
    let screen = top.screen();
    assert!(screen.contains("since the module was loaded"), "{screen}");
    assert!(
        screen.contains("10 CPUID") && screen.contains("EPT_VIOLATION"),
        "{screen}"
    );
    // The first rates follow soon, the next ones at the requested interval.
    let interval = Duration::from_secs(5);
    assert!(top.delay(interval) < Duration::from_secs(1));
    top.take(&snapshots[1]);
    assert_eq!(top.delay(interval), interval);
    let screen = top.screen();
    assert!(
        screen.contains("in 1.0 s") && screen.contains("840 now"),
        "{screen}"
    );

    let recording = common::recording(&snapshots);
    let screen = Top::play(&recording, 80, 24).screen();
    assert!(
        screen.contains("2/4") && screen.contains("840 now"),
        "{screen}"
    );
    // A recording may have a single snapshot.
    let screen = Top::at_end(&common::recording(&snapshots[..1]), 80, 24).screen();
    assert!(
        screen.contains("1/1") && screen.contains("10 CPUID"),
        "{screen}"
    );
}

#[test]
fn c_counts_over_the_interval_and_since_two_starts() {
    let mut top = Top::at_end(&common::recording(&common::boot()), 120, 24);
    let screen = top.keys("c").screen();
    assert!(screen.contains("since the start, 3.0 s"), "{screen}");
    // VM 1 has 449 of the exits shown before.
    assert!(
        top.keys("Down").screen().contains("449"),
        "{}",
        top.screen()
    );
    let screen = top.keys("c").screen();
    assert!(screen.contains("since the module was loaded"), "{screen}");
    assert!(screen.contains("560"), "{screen}");
    assert!(top.keys("c").screen().contains("in 1.0 s"));
}

/// Returns a recording with as many VMs as a host may have.
fn many_vms() -> Vec<u8> {
    let mut host = common::Host::new(7);
    let first = host.snapshot(0);
    for vm in 1..=87 {
        host.exits((0, vm, 0), 10, 1000 - vm, 700, 0);
        host.exits((0, vm, 0), 30, vm, 700, vm % 7);
    }
    common::recording(&[first, host.snapshot(1000)])
}

#[test]
fn the_position_in_a_long_list_is_shown() {
    let mut top = Top::play(&many_vms(), 80, 40);
    let position = |top: &mut Top| {
        let screen = top.screen();
        let line = screen.lines().find(|line| line.starts_with("VMs: "));
        line.unwrap().to_owned()
    };
    assert_eq!(position(&mut top), "VMs: 1-13 of 87, by time");
    assert_eq!(position(top.keys("PgDn PgDn")), "VMs: 15-28 of 87, by time");
    assert_eq!(position(top.keys("End")), "VMs: 74-87 of 87, by time");
    assert_eq!(position(top.keys("Up")), "VMs: 74-87 of 87, by time");
    assert_eq!(position(top.keys("Home")), "VMs: 1-13 of 87, by time");
}

#[test]
fn vms_are_sorted_by_any_column_and_reversed() {
    let mut top = Top::play(&many_vms(), 200, 40);
    let mut firsts = Vec::new();
    for _ in 0..10 {
        for key in ["Home", "r"] {
            top.keys(key);
            top.keys("Home Down");
            let first = top.selected();
            let screen = top.screen();
            let title = screen
                .lines()
                .find(|line| line.starts_with("VMs: "))
                .unwrap();
            let by = title.split(", by ").nth(1).unwrap();
            firsts.push(format!(
                "{by}: {}",
                first.split_whitespace().next().unwrap()
            ));
        }
        top.keys("s");
    }
    assert_eq!(
        firsts,
        [
            "time: 6",
            "time, reversed: 7",
            "CPUs' worth of kernel time: 1",
            "CPUs' worth of kernel time, reversed: 1",
            "name: 1",
            "name, reversed: 1",
            "VM: 1",
            "VM, reversed: 87",
            "process id: 1",
            "process id, reversed: 87",
            "vCPUs: 1",
            "vCPUs, reversed: 1",
            "exits: 1",
            "exits, reversed: 1",
            "exits per second: 1",
            "exits per second, reversed: 1",
            "kernel time: 1",
            "kernel time, reversed: 1",
            "userspace time: 6",
            "userspace time, reversed: 7",
        ]
    );
    // Once around, and one back.
    top.keys("S");
    assert!(
        top.screen().contains("by userspace time"),
        "{}",
        top.screen()
    );
}

#[test]
fn reasons_can_be_sorted_by_time_in_userspace() {
    let mut host = common::Host::new(7);
    let first = host.snapshot(0);
    host.exits((0, 1, 0), 10, 30, 1000, 0);
    host.exits((0, 1, 0), 30, 2, 100, 2);
    host.exits((0, 1, 0), 48, 25, 1000, 1);
    let recording = common::recording(&[first, host.snapshot(1000)]);
    let mut top = Top::play(&recording, 80, 24);
    let first = |top: &mut Top| {
        let selected = top.keys("Home").selected();
        selected.split_whitespace().nth(1).unwrap().to_owned()
    };
    top.keys("Enter");
    let mut orders = Vec::new();
    for _ in 0..12 {
        let screen = top.screen();
        let title = screen
            .lines()
            .find(|line| line.starts_with("reasons of "))
            .unwrap();
        let by = title.split(", by ").nth(1).unwrap().to_owned();
        orders.push((by, first(&mut top)));
        top.keys("s");
    }
    let of = |order: &str| &orders.iter().find(|(by, _)| by == order).unwrap().1;
    assert_eq!(of("time"), "EPT_VIOLATION");
    assert_eq!(of("userspace time"), "IO_INSTRUCTION");
    assert_eq!(of("kernel time"), "CPUID");
}

#[test]
fn the_filter_is_of_the_table_that_keys_act_on() {
    let mut top = Top::at_end(&marked(), 80, 24);
    let screen = top.keys("Enter / i o").screen();
    assert!(screen.contains("filter: io_"), "{screen}");
    assert!(screen.contains("IO_INSTRUCTION"), "{screen}");
    assert!(!screen.contains("EPT_VIOLATION"), "{screen}");
    let screen = top.keys("Enter").screen();
    assert!(screen.contains("1-1 of 1, by time, filter io"), "{screen}");
    // Reasons without exits are shown if nothing else matches.
    let screen = top.keys("/ Backspace Backspace v m o n").screen();
    assert!(screen.contains("VMON"), "{screen}");
    let screen = top.keys("Esc").screen();
    assert!(screen.contains("EPT_VIOLATION"), "{screen}");
    // While the filter is edited, all keys are text, including q.
    top.keys("/");
    assert_eq!(top.press(KeyCode::Char('q')), Request::Nothing);
    top.keys("Esc Esc");

    let mut top = Top::play(&many_vms(), 80, 40);
    let screen = top.keys("/ 8 7 Enter").screen();
    assert!(
        screen.contains("VMs: 1-1 of 1, by time, filter 87"),
        "{screen}"
    );
    let screen = top.keys("/ x Enter").screen();
    assert!(
        screen.contains("VMs: none, by time, filter 87x"),
        "{screen}"
    );
    let screen = top.keys("Esc").screen();
    assert!(screen.contains("of 87, by time"), "{screen}");
}

#[test]
fn enter_and_esc_go_in_and_out() {
    let recording = common::recording(&common::details(true));
    let mut top = Top::at_end(&recording, 80, 24);
    assert!(top.selected().starts_with("all"));
    top.keys("Down Enter");
    assert!(top.selected().starts_with("30 IO_INSTRUCTION"));
    top.keys("Down Enter");
    assert!(top.selected().contains("IA32_TSC_DEADLINE"));
    top.keys("Down");
    assert!(top.selected().contains("0x830"));
    top.keys("Esc");
    assert!(top.selected().starts_with("32 MSR_WRITE"));
    top.keys("Esc");
    assert!(top.selected().starts_with("1 "), "{}", top.selected());

    // vCPUs have reasons and details too.
    top.keys("v Down");
    assert!(top.selected().starts_with("1 "), "{}", top.selected());
    let screen = top.keys("Enter").screen();
    assert!(
        screen.contains("reasons of VM 1, vCPU 1: 1-2 of 2"),
        "{screen}"
    );
    let screen = top.keys("Enter").screen();
    assert!(
        screen.contains("IO_INSTRUCTION exits of VM 1, vCPU 1"),
        "{screen}"
    );
    let screen = top.keys("Esc Esc Esc").screen();
    assert!(screen.contains("VMs: 1-2 of 2"), "{screen}");
    // All VMs together have no list of vCPUs.
    let screen = top.keys("Home v").screen();
    assert!(screen.contains("select a VM first"), "{screen}");
    assert!(!top.keys("Down").screen().contains("select a VM first"));
}

#[test]
fn a_recording_is_paused_and_stepped_through_and_played_faster() {
    let mut top = Top::play(&marked(), 120, 24);
    let interval = Duration::from_secs(1);
    let line = |top: &mut Top| top.screen().lines().nth(1).unwrap().to_owned();
    let begins = |top: &mut Top, with: &str| {
        let line = line(top);
        assert!(line.starts_with(with), "{line}");
    };
    begins(&mut top, "2/20  +1.0 s  x1  ━");
    assert_eq!(top.next(), Some(2));
    top.keys("Space");
    assert_eq!(top.next(), None);
    begins(&mut top, "2/20  +1.0 s  x1  PAUSED");
    top.keys("Right Right");
    begins(&mut top, "4/20  +3.0 s  x1  PAUSED  mark boot");
    top.keys("Left");
    begins(&mut top, "3/20  +2.0 s  x1  PAUSED  ━");
    // The graph shows the time before.
    assert!(
        top.screen().contains("7,986 now") || top.screen().contains("now"),
        "{}",
        top.screen()
    );
    top.keys("Left Left Left");
    begins(&mut top, "2/20  +1.0 s  x1  PAUSED");
    top.keys("]");
    begins(&mut top, "4/20  +3.0 s  x1  PAUSED  mark boot");
    top.keys("] ");
    begins(&mut top, "14/20  +13.0 s  x1  PAUSED  mark login");
    top.keys("[");
    begins(&mut top, "4/20  +3.0 s  x1  PAUSED  mark boot");
    top.keys("[");
    begins(&mut top, "2/20  +1.0 s");
    top.keys("+ +");
    begins(&mut top, "2/20  +1.0 s  x4  PAUSED");
    assert_eq!(top.delay(interval), interval / 4);
    top.keys("- - -");
    begins(&mut top, "2/20  +1.0 s  x1/2  PAUSED");
    assert_eq!(top.delay(interval), interval * 2);
    top.keys("] ] ]");
    begins(&mut top, "20/20  +19.0 s  x1/2  END  mark login");
    // At the end, playback restarts, and stepping stops it.
    top.keys("Space");
    begins(&mut top, "2/20  +1.0 s  x1/2  ━");
    assert_eq!(top.next(), Some(2));
    assert_eq!(top.keys("Right").next(), None);

    let mut live = Top::watch(&common::boot()[0], 80, 24);
    let screen = live.keys("Left").screen();
    assert!(
        screen.contains("only recordings can be stepped through"),
        "{screen}"
    );
    assert_eq!(live.keys("Space").next(), None);
    assert!(live.screen().contains("PAUSED"));
}

/// Checks all ways to reach a snapshot, in a recording that is longer than the kept history.
fn assert_going_back_shows_what_was_shown(keys: &str) {
    let recording = made::marked(100, &[(40, "middle")]);
    let mut top = Top::play(&recording, 80, 24);
    top.keys(keys);
    let tables = |top: &mut Top| {
        let screen = top.screen();
        // The graph's past depends on how much of it was seen.
        screen.split_once("\nVMs: ").unwrap().1.to_owned()
    };
    let mut forward = Vec::new();
    while let Some(at) = top.next() {
        forward.push(tables(&mut top));
        top.show(at);
    }
    for expected in forward.iter().rev() {
        top.keys("Left");
        assert_eq!(tables(&mut top), *expected);
    }
    top.keys("]");
    assert_eq!(tables(&mut top), forward[40]);
}

#[test]
fn going_back_shows_the_same_intervals() {
    assert_going_back_shows_what_was_shown("");
}

#[test]
fn going_back_shows_the_same_totals() {
    assert_going_back_shows_what_was_shown("c");
}

/// A pipe can be read only once.
#[test]
fn a_recording_may_come_from_a_pipe() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let mut replay = thread::scope(|scope| {
        scope.spawn(|| fs::write(&pipe, made::recorded(100)).unwrap());
        Replay::open(&pipe).unwrap()
    });
    assert_eq!(replay.timeline().last(), 99);
    let mut at = |at| replay.step(at, Span::Interval).unwrap().interval;
    let (last, first) = (at(99), at(1));
    assert!(last.end.realtime > first.end.realtime);
    assert_eq!(at(99), last);
}

#[test]
fn vms_that_ended_are_in_the_totals_of_a_recording() {
    let recording = common::recording(&common::ended());
    let mut top = Top::at_end(&recording, 120, 24);
    let screen = top.keys("c").screen();
    assert!(screen.contains("VMs: 1-3 of 3"), "{screen}");
    let reader = Reader::new(&recording[..]).unwrap();
    let whole = Recording::of(reader).unwrap().period;
    assert_eq!(*top.app.shown(), whole);
}

#[test]
fn a_reload_of_the_module_starts_cumulative_counts() {
    let mut host = common::Host::new(1);
    host.exits((0, 1, 0), 10, 5000, 700, 0);
    let mut snapshots = vec![host.snapshot(0), host.snapshot(1000)];
    let mut host = common::Host::new(2);
    host.exits((0, 1, 0), 10, 33, 700, 0);
    snapshots.push(host.snapshot(2000));
    host.exits((0, 1, 0), 10, 11, 700, 0);
    snapshots.push(host.snapshot(3000));
    let total = |top: &mut Top| {
        let screen = top.screen();
        let line = screen
            .lines()
            .find(|line| line.starts_with("all "))
            .unwrap();
        line.split_whitespace().nth(3).unwrap().to_owned()
    };
    let mut top = Top::at_end(&common::recording(&snapshots), 120, 24);
    assert_eq!(total(top.keys("c")), "44");
    assert!(
        top.screen().contains("since the start, 3.0 s"),
        "{}",
        top.screen()
    );
    assert_eq!(total(top.keys("Left")), "33");
    assert_eq!(total(top.keys("Left")), "0");

    // The same with a running kernel.
    let mut top = Top::watch(&snapshots[0], 120, 24);
    top.keys("c");
    for (at, expected) in [(1, "0"), (2, "33"), (3, "44")] {
        top.take(&snapshots[at]);
        assert_eq!(total(&mut top), expected);
    }
    // Rates are over the time of the counts.
    let screen = top.screen();
    assert!(screen.contains("since the start, 2.0 s"), "{screen}");
}

#[test]
fn what_a_vm_leaves_behind_when_it_ends() {
    let mut top = Top::play(&common::recording(&common::ended()), 80, 24);
    top.keys("Down Down Down v End");
    top.run();
    let screen = top.screen();
    assert!(screen.contains("reasons of "), "{screen}");
    let recording = common::recording(&common::amd(true));
    let screen = Top::at_end(&recording, 80, 24).keys("Enter").screen();
    assert!(screen.contains("reasons of all VMs: 1-5 of 5, by exits"));
    assert!(
        screen.contains("bpf, counts only") && screen.contains("0x400 NPF"),
        "{screen}"
    );
}

/// Recordings of all kinds.
static RECORDINGS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    vec![
        marked(),
        many_vms(),
        common::recording(&common::details(true)),
        common::recording(&common::ended()),
        common::recording(&common::amd(true)),
        common::recording(&common::amd(false)),
        common::recording(&common::boot()[..1]),
    ]
});

/// Keys with and without an effect, and a screen size.
fn action() -> impl Strategy<Value = (KeyCode, Option<(u16, u16)>)> {
    let named = "Up Down Left Right PgUp PgDn Home End Enter Esc Space Backspace F1";
    let named: Vec<_> = named.split_whitespace().map(code).collect();
    let known: Vec<_> = "kjgGvsSr/cp[]+=-?hio1".chars().map(KeyCode::Char).collect();
    let key = prop_oneof![
        3 => prop::sample::select(named),
        3 => prop::sample::select(known),
        1 => any::<char>().prop_map(KeyCode::Char),
    ];
    let size = prop::option::weighted(0.2, (0u16..210, 0u16..50));
    (key, size)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_keys_and_no_size_make_it_panic(
        which in 0usize..7,
        actions in prop::collection::vec((action(), any::<bool>()), 1..40),
    ) {
        let mut top = Top::play(&RECORDINGS[which], 80, 24);
        for ((key, size), passes) in actions {
            if let Some((columns, rows)) = size {
                top.resize(columns, rows);
            }
            top.press(key);
            top.screen();
            if let Some(at) = top.next().filter(|_| passes) {
                top.show(at);
                top.screen();
            }
        }
        let quits = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        prop_assert_eq!(top.app.key(quits), Request::Quit);
    }
}
