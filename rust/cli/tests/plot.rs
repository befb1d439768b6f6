// SPDX-License-Identifier: GPL-2.0

//! `exitstat plot`: pictures agree with the recording.

mod common;
mod made;

use exitstat_cli::source::recording::{End, Metadata, Recorder};
use resvg::{
    tiny_skia::{Pixmap, PremultipliedColorU8},
    usvg::{Options, Tree},
};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};
use tempfile::TempDir;

struct Recorded(TempDir);

impl Recorded {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("x.rec"), made::recorded(40)).unwrap();
        Self(directory)
    }

    fn with_details() -> Self {
        let recorded = Self::new();
        let details = common::recording(&common::details(false));
        fs::write(recorded.path().join("x.rec"), details).unwrap();
        recorded
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn plot(&self, file: &str, options: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_exitstat"))
            .current_dir(self.path())
            // Do not use this host's fonts.
            .env_clear()
            .env("TZ", "UTC")
            .args(["plot", "x.rec", "-o", file])
            .args(options)
            .output()
            .unwrap()
    }

    /// Returns the texts of a picture.
    fn svg(&self, options: &[&str]) -> Vec<String> {
        let output = self.plot("x.svg", options);
        assert!(output.status.success(), "{output:?}");
        let svg = fs::read_to_string(self.path().join("x.svg")).unwrap();
        Tree::from_str(&svg, &Options::default()).unwrap();
        let texts = svg
            .split("</text>")
            .filter_map(|part| part.rsplit('>').next());
        texts.map(|text| text.trim().to_owned()).collect()
    }

    fn png(&self, options: &[&str]) -> Pixmap {
        let output = self.plot("x.png", options);
        assert!(output.status.success(), "{output:?}");
        Pixmap::decode_png(&fs::read(self.path().join("x.png")).unwrap()).unwrap()
    }
}

/// Returns the share of a picture's pixels that satisfy a condition.
fn part(picture: &Pixmap, is: impl Fn(&PremultipliedColorU8) -> bool) -> f64 {
    let pixels = picture.pixels();
    pixels.iter().filter(|pixel| is(pixel)).count() as f64 / pixels.len() as f64
}

fn is(red: u8, green: u8, blue: u8) -> impl Fn(&PremultipliedColorU8) -> bool {
    move |pixel| (pixel.red(), pixel.green(), pixel.blue()) == (red, green, blue)
}

/// Colours of reasons.
const EPT_VIOLATION: (u8, u8, u8) = (175, 63, 13);
const MSR_WRITE: (u8, u8, u8) = (237, 181, 222);
const HLT: (u8, u8, u8) = (224, 199, 2);

/// Returns the share of a picture's pixels that have a colour.
fn share(picture: &Pixmap, (red, green, blue): (u8, u8, u8)) -> f64 {
    part(picture, is(red, green, blue))
}

#[test]
fn rates_name_the_reasons_and_their_shares() {
    let recorded = Recorded::new();
    let texts = recorded.svg(&[]);
    let has = |text: &str| texts.iter().any(|t| t == text);
    assert!(
        has("VM exits per second by reason: host, 39.0 s"),
        "{texts:#?}"
    );
    assert!(
        has("exits/s") && has("seconds since the recording began"),
        "{texts:#?}"
    );
    let reasons: Vec<_> = texts.iter().filter(|text| text.ends_with(" %")).collect();
    assert_eq!(reasons.len(), 11, "{texts:#?}");
    let shares = reasons.iter().map(|text| {
        let share = text.trim_end_matches(" %").rsplit(' ').next().unwrap();
        share.parse::<f64>().unwrap()
    });
    assert!((shares.sum::<f64>() - 100.0).abs() < 0.6, "{reasons:?}");
    // The most frequent reason, at the bottom of the picture, is last in the legend.
    assert!(reasons[10].starts_with("MSR_WRITE"), "{reasons:?}");
    let picture = recorded.png(&[]);
    assert_eq!((picture.width(), picture.height()), (2200, 1120));
    let (most, second) = (share(&picture, MSR_WRITE), share(&picture, HLT));
    assert!(most > second && second > 0.02, "{most} {second}");
}

#[test]
fn marks_are_drawn() {
    let recorded = Recorded::new();
    let marked = made::marked(40, &[(10, "login"), (20, "a <b>")]);
    fs::write(recorded.path().join("x.rec"), marked).unwrap();
    let texts = recorded.svg(&["--mark", "12.5=work", "--mark", "39=end"]);
    let has = |text: &str| texts.iter().any(|t| t == text);
    assert!(
        has("login") && has("a &lt;b&gt;") && has("work"),
        "{texts:#?}"
    );
    assert!(has("end"), "{texts:#?}");
    for wrong in ["login", "=x", "-1=x", "1=", "nan=x", "90=beyond"] {
        let output = recorded.plot("x.svg", &["--mark", wrong]);
        assert_eq!(output.status.code(), Some(2), "{wrong}");
    }
}

#[test]
fn rates_of_a_vm_are_fewer() {
    let recorded = Recorded::new();
    let texts = recorded.svg(&["--vm", "2"]);
    assert!(texts.iter().any(|text| text.contains("VM 2")), "{texts:#?}");
    // The VM exists for half of the time.
    let (all, vm) = (recorded.png(&[]), recorded.png(&["--vm", "2"]));
    let white = |picture| part(picture, is(255, 255, 255));
    assert!(
        white(&vm) > white(&all) + 0.05,
        "{} {}",
        white(&vm),
        white(&all)
    );
}

#[test]
fn totals_are_those_of_the_report() {
    let recorded = Recorded::new();
    let texts = recorded.svg(&["--kind", "totals"]);
    let report = Command::new(env!("CARGO_BIN_EXE_exitstat"))
        .current_dir(recorded.path())
        .args(["report", "x.rec", "--format", "csv"])
        .output()
        .unwrap();
    let report = String::from_utf8(report.stdout).unwrap();
    let cpuid = report
        .lines()
        .find(|line| line.contains(",CPUID,"))
        .unwrap();
    let exits = texts
        .iter()
        .position(|text| text == "CPUID")
        .map(|at| &texts[at + 1]);
    let exits = exits.unwrap().split(' ').next().unwrap();
    assert!(
        cpuid.split(',').any(|field| field == exits),
        "{exits} {cpuid}"
    );
    let picture = recorded.png(&["--kind", "totals"]);
    assert!(share(&picture, MSR_WRITE) > 0.005 && share(&picture, HLT) > 0.005);
}

#[test]
fn totals_have_time_in_kernel_and_userspace() {
    let recorded = Recorded::new();
    let mut host = common::Host::new(1);
    let first = host.snapshot(0);
    // At 2 GHz: 3 ms in the kernel, and 4.5 µs in userspace per exit.
    host.exits((0, 1, 0), 30, 1000, 6000, 1000);
    host.exits((0, 1, 0), 12, 1000, 2000, 0);
    let bytes = common::recording(&[first, host.snapshot(1000)]);
    fs::write(recorded.path().join("x.rec"), bytes).unwrap();
    let texts = recorded.svg(&["--kind", "totals"]);
    for text in [
        "4 ms in the kernel",
        "4.5 ms in userspace",
        "3 ms + 4.5 ms (88.2 %)",
        "1 ms (11.8 %)",
    ] {
        assert!(texts.iter().any(|t| t == text), "{text}: {texts:#?}");
    }
    let texts = recorded.svg(&["--kind", "totals", "--cpu", "0"]);
    assert!(texts.iter().any(|t| t == "3 ms (75.0 %)"), "{texts:#?}");
    assert!(!texts.iter().any(|t| t.contains("userspace")), "{texts:#?}");
}

#[test]
fn rates_are_of_exits_or_of_time() {
    let recorded = Recorded::new();
    let mut host = common::Host::new(1);
    let first = host.snapshot(0);
    host.exits((0, 1, 0), 30, 1000, 6000, 1000);
    host.exits((0, 1, 0), 12, 3000, 3000, 0);
    let bytes = common::recording(&[first, host.snapshot(1000)]);
    fs::write(recorded.path().join("x.rec"), bytes).unwrap();
    for (options, title, unit, reasons) in [
        (
            &[][..],
            "VM exits per second by reason",
            "exits/s",
            ["IO_INSTRUCTION 25.0 %", "HLT 75.0 %"].as_slice(),
        ),
        (
            &["--of", "kernel-time"],
            "Kernel time per second for VM exits, by reason",
            "ms/s",
            &["IO_INSTRUCTION 40.0 %", "HLT 60.0 %"],
        ),
        (
            &["--of", "user-time"],
            "Userspace time per second for VM exits, by reason",
            "ms/s",
            &["IO_INSTRUCTION 100.0 %"],
        ),
        (
            &["--of", "time"],
            "Kernel and userspace time per second for VM exits, by reason",
            "ms/s",
            &["HLT 37.5 %", "IO_INSTRUCTION 62.5 %"],
        ),
    ] {
        let texts = recorded.svg(options);
        assert_eq!(texts[0], format!("{title}: host, 1.0 s"));
        assert!(texts.iter().any(|text| text == unit), "{texts:#?}");
        let legend = texts.iter().filter(|text| text.ends_with(" %"));
        assert!(legend.eq(reasons), "{texts:#?}");
    }
    fs::write(
        recorded.path().join("x.rec"),
        common::recording(&common::amd(true)),
    )
    .unwrap();
    let output = recorded.plot("x.svg", &["--of", "time"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    // Without times there is no column for them.
    let texts = recorded.svg(&["--kind", "totals"]);
    assert!(texts.iter().any(|text| text == "CPUID"), "{texts:#?}");
    assert!(!texts.iter().any(|t| t.contains("in the kernel")));
}

#[test]
fn a_reason_has_the_same_colour_in_all_pictures() {
    let recorded = Recorded::new();
    for options in [
        &[][..],
        &["--of", "time"],
        &["--vm", "2"],
        &["--kind", "totals"],
        &["--kind", "totals", "--theme", "dark"],
        &["--kind", "histogram", "--reason", "EPT_VIOLATION"],
    ] {
        let ept = share(&recorded.png(options), EPT_VIOLATION);
        assert!(ept > 0.002, "{options:?} {ept}");
    }
    let other = recorded.png(&["--kind", "histogram", "--reason", "HLT"]);
    assert_eq!(share(&other, EPT_VIOLATION), 0.0);
    let recorded = Recorded::with_details();
    let details = recorded.png(&["--kind", "details"]);
    assert!(share(&details, MSR_WRITE) > 0.01);
}

#[test]
fn the_host_and_the_date_are_in_the_picture() {
    let recorded = Recorded::new();
    let about = |texts: &[String]| texts[1].clone();
    assert_eq!(
        about(&recorded.svg(&[])),
        "2026-11-21 12:00:00 UTC · Linux 7.3.4 · source: device"
    );
    let metadata = Metadata {
        hostname: Some("node\u{7}7".to_owned()),
        ..common::metadata()
    };
    let mut recorder = Recorder::new(Vec::new(), &metadata).unwrap();
    for snapshot in common::boot() {
        recorder.snapshot(&snapshot).unwrap();
    }
    let bytes = recorder.end(&End { status: None }).unwrap();
    fs::write(recorded.path().join("x.rec"), bytes).unwrap();
    for kind in ["rate", "totals"] {
        let about = about(&recorded.svg(&["--kind", kind]));
        assert!(about.starts_with("node7 · 2026-11-21"), "{about}");
    }
}

#[test]
fn a_dark_page_has_light_texts() {
    let recorded = Recorded::new();
    for kind in ["rate", "totals"] {
        let light = recorded.png(&["--kind", kind]);
        let dark = recorded.png(&["--kind", kind, "--theme", "dark"]);
        assert!(part(&light, is(255, 255, 255)) > 0.3);
        assert!(part(&dark, is(27, 30, 36)) > 0.3);
        assert_eq!(part(&dark, is(255, 255, 255)), 0.0);
        assert!(part(&dark, is(235, 235, 235)) > 0.0005);
        assert_eq!(part(&dark, is(0, 0, 0)), 0.0);
    }
}

#[test]
fn a_picture_has_the_size_that_is_asked_for() {
    let recorded = Recorded::new();
    for options in [
        &["--kind", "rate"][..],
        &["--kind", "totals"],
        &["--kind", "histogram", "--reason", "HLT"],
    ] {
        for (size, pixels) in [("800x400", (1600, 800)), ("1300x700", (2600, 1400))] {
            let picture = recorded.png(&[options, &["--size", size]].concat());
            assert_eq!((picture.width(), picture.height()), pixels);
            // The edges have the page's colour, so nothing is cut off.
            let (width, height) = pixels;
            let page = |x, y| picture.pixel(x, y).is_some_and(|p| is(255, 255, 255)(&p));
            assert!((0..width).all(|x| page(x, 0) && page(x, height - 1)));
            assert!((0..height).all(|y| page(0, y) && page(width - 1, y)));
        }
    }
}

#[test]
fn an_axis_that_is_logarithmic_says_so() {
    let recorded = Recorded::new();
    let texts = recorded.svg(&["--kind", "histogram", "--reason", "hlt"]);
    let title = "time in the kernel per exit (logarithmic; each bar spans a factor of two)";
    assert!(texts.iter().any(|text| text == title), "{texts:#?}");
    for tick in ["1 µs", "2 µs", "5 µs", "10 µs"] {
        assert!(texts.iter().any(|text| text == tick), "{tick}: {texts:#?}");
    }
    let is_logarithmic = |texts: &[String]| texts.iter().any(|t| t == "exits (logarithmic)");
    assert!(!is_logarithmic(&texts), "{texts:#?}");
    let mut host = common::Host::new(1);
    let first = host.snapshot(0);
    host.exits((0, 1, 0), 12, 5000, 1000, 0);
    host.exits((0, 1, 0), 12, 1, 50_000, 0);
    let bytes = common::recording(&[first, host.snapshot(1000)]);
    fs::write(recorded.path().join("x.rec"), bytes).unwrap();
    let texts = recorded.svg(&["--kind", "histogram", "--reason", "hlt"]);
    assert!(is_logarithmic(&texts), "{texts:#?}");
}

#[test]
fn details_have_their_names() {
    let recorded = Recorded::with_details();
    let texts = recorded.svg(&["--kind", "details"]);
    for (name, exits) in [
        ("MSR_WRITE 0x6e0 IA32_TSC_DEADLINE", "900 (70.4 %)"),
        ("MSR_WRITE other", "40 (3.1 %)"),
        ("HLT", "25 (2.0 %)"),
    ] {
        let at = texts.iter().position(|text| text == name);
        assert_eq!(at.map(|at| &*texts[at + 1]), Some(exits), "{texts:#?}");
    }
    let texts = recorded.svg(&["--kind", "details", "--reason", "msr-write"]);
    assert!(texts.iter().any(|text| text == "1000 exits"), "{texts:#?}");
    assert!(!texts.iter().any(|text| text == "HLT"), "{texts:#?}");
}

#[test]
fn one_exit_is_singular() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let mut host = common::Host::new(1);
    let before = host.snapshot(0);
    host.exits((0, 1, 0), 46, 1, 4042, 0);
    let samples = [before, host.snapshot(1000)];
    fs::write(path("x.rec"), common::recording(&samples)).unwrap();
    let drawn = Command::new(env!("CARGO_BIN_EXE_exitstat"))
        .args(["plot", "--kind", "histogram", "--reason", "46", "-o"])
        .args([path("x.svg"), path("x.rec")])
        .output()
        .unwrap();
    assert!(drawn.status.success(), "{drawn:?}");
    let svg = fs::read_to_string(path("x.svg")).unwrap();
    assert!(svg.contains("Handling time of 1 GDTR_IDTR exit: host"));
}

#[test]
fn a_histogram_has_its_percentiles() {
    let recorded = Recorded::new();
    let texts = recorded.svg(&["--kind", "histogram", "--reason", "hlt"]);
    let has = |text: &str| texts.iter().any(|t| t.starts_with(text));
    assert!(has("50 % took 4") || has("50 % took 3"), "{texts:#?}");
    assert!(has("99 % took 1") || has("99 % took 9"), "{texts:#?}");
    assert!(
        texts
            .iter()
            .any(|text| text.starts_with("Handling time of ") && text.contains(" HLT exits: host")),
        "{texts:#?}"
    );
    let picture = recorded.png(&["--kind", "histogram", "--reason", "12"]);
    assert!(share(&picture, HLT) > 0.05);
    // Texts are drawn: without a font there would be no black.
    assert!(part(&picture, is(0, 0, 0)) > 0.001);
}

#[test]
fn a_single_exit_took_what_it_took() {
    let recorded = Recorded::new();
    let mut host = common::Host::new(1);
    let first = host.snapshot(0);
    host.exits((0, 1, 0), 46, 1, 4042, 0);
    let bytes = common::recording(&[first, host.snapshot(1000)]);
    fs::write(recorded.path().join("x.rec"), bytes).unwrap();
    let texts = recorded.svg(&["--kind", "histogram", "--reason", "46"]);
    for percent in [50, 99] {
        let text = format!("{percent} % took 2.02 µs or less");
        assert!(texts.contains(&text), "{texts:#?}");
    }
}

#[test]
fn what_cannot_be_drawn_is_said() {
    let recorded = Recorded::new();
    fs::write(recorded.path().join("one.rec"), made::recorded(1)).unwrap();
    let one = Command::new(env!("CARGO_BIN_EXE_exitstat"))
        .current_dir(recorded.path())
        .args(["plot", "one.rec", "-o", "x.svg"])
        .output()
        .unwrap();
    for (output, status, says) in [
        (recorded.plot("x.pdf", &[]), 2, "NAME.svg or NAME.png"),
        (
            recorded.plot("x.svg", &["--kind", "histogram"]),
            2,
            "--reason",
        ),
        (
            recorded.plot("x.svg", &["--kind", "histogram", "--reason", "35"]),
            2,
            "no histogram",
        ),
        (
            recorded.plot("x.svg", &["--kind", "details"]),
            5,
            "--capture key",
        ),
        (recorded.plot("x.svg", &["--vm", "9"]), 2, "no such VM: 9"),
        (
            recorded.plot("x.svg", &["--mark", "39.1=beyond"]),
            2,
            "--mark 39.1=beyond is after the end of the recording (39.000 s)",
        ),
        (recorded.plot("x.svg", &["--reason", "HLT"]), 2, "--reason"),
        (
            recorded.plot("x.svg", &["--kind", "totals", "--mark", "1=a"]),
            2,
            "--mark",
        ),
        (recorded.plot("none/x.svg", &[]), 6, "none/x.svg"),
        (one, 5, "one snapshot"),
    ] {
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(says), "{said}");
    }
}
