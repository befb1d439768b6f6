// SPDX-License-Identifier: GPL-2.0

//! Truncated, torn and damaged recordings.

mod common;

use common::{boot, entry, marked, metadata, named, recording, Host, WEB};
use exitstat_cli::{
    model::Scope,
    source::recording::{End, Ending, Error, Lost, Reader, Recorder, Recording},
    vm::known::Entry,
};
use proptest::{collection::vec, prelude::*};
use std::time::{Duration, Instant};

/// Returns the valid snapshots of a possible recording, and its ending.
fn read(bytes: &[u8]) -> Result<(Vec<Vec<u8>>, Ending), Error> {
    let (all, ending, _) = read_all(bytes)?;
    Ok((all, ending))
}

/// Like [`read`], also returning what was skipped.
fn read_all(bytes: &[u8]) -> Result<(Vec<Vec<u8>>, Ending, Lost), Error> {
    let mut reader = Reader::new(bytes)?;
    let mut all = Vec::new();
    while let Some(snapshot) = reader.next_bytes()? {
        all.push(snapshot);
    }
    let told = reader.warning().is_some();
    let (ending, lost) = (reader.ending().clone(), reader.lost());
    let whole = matches!(ending, Ending::Whole(_)) && lost == Lost::default();
    assert_ne!(told, whole, "{ending:?} {lost:?}");
    Ok((all, ending, lost))
}

/// Returns the offsets of a recording's frames, and the end of the last one.
fn frames(bytes: &[u8]) -> Vec<usize> {
    let mut begins = vec![16];
    while let Some(length) = bytes.get(begins.last().unwrap() + 4..) {
        let Some(length) = length.first_chunk::<4>() else {
            break;
        };
        begins.push(begins.last().unwrap() + 12 + u32::from_le_bytes(*length) as usize);
    }
    begins
}

#[test]
fn what_was_recorded_is_read() {
    let bytes = recording(&boot());
    let (snapshots, ending) = read(&bytes).unwrap();
    assert_eq!(snapshots, boot());
    assert_eq!(ending, Ending::Whole(End { status: Some(0) }));
    let reader = Reader::new(bytes.as_slice()).unwrap();
    assert_eq!(reader.metadata(), &metadata());
}

/// Wherever it is truncated, all complete frames are read, and the truncation is reported.
#[test]
fn cut_anywhere_all_whole_frames_are_read() {
    let whole = recording(&boot());
    let mut recorder = Recorder::new(Vec::new(), &metadata()).unwrap();
    let mut ends = vec![recorder.output().len()];
    for snapshot in boot() {
        recorder.snapshot(&snapshot).unwrap();
        ends.push(recorder.output().len());
    }
    for length in 0..whole.len() {
        let complete = ends.iter().filter(|&&end| end <= length).count();
        match read(&whole[..length]) {
            Ok((snapshots, ending)) => {
                assert_eq!(snapshots, boot()[..complete - 1], "{length}");
                let expected = match ends.contains(&length) {
                    true => Ending::CutOff,
                    false => Ending::Torn(ends[complete - 1] as u64),
                };
                assert_eq!(ending, expected, "{length}");
            }
            Err(error) => {
                assert_eq!(complete, 0, "{length}: {error}");
                assert_eq!(matches!(error, Error::NotOne), length < 8, "{error}");
            }
        }
    }
}

/// Whichever byte of a frame changes, only that frame is lost, and its place is reported.
#[test]
fn a_byte_that_changed_costs_its_frame() {
    let whole = recording(&boot());
    let frames = frames(&whole);
    let last = frames.len() - 2;
    assert_eq!((frames[last + 1], last), (whole.len(), 5));
    for at in 0..whole.len() {
        for bit in [0x01, 0x10, 0x80] {
            let mut bytes = whole.clone();
            bytes[at] ^= bit;
            let Ok((snapshots, ending, lost)) = read_all(&bytes) else {
                assert!(at < 12, "{at}");
                continue;
            };
            // Four bytes of the head are reserved.
            let Some(frame) = frames.iter().rposition(|&begin| begin <= at) else {
                assert_eq!((snapshots, lost), (boot(), Lost::default()), "{at}");
                continue;
            };
            let mut expected = boot();
            if (1..last).contains(&frame) {
                expected.remove(frame - 1);
            }
            assert_eq!(snapshots, expected, "{at}");
            let (begin, end) = (frames[frame] as u64, frames[frame + 1] as u64);
            if frame == last {
                assert_eq!((ending, lost), (Ending::Torn(begin), Lost::default()));
            } else {
                assert!(matches!(ending, Ending::Whole(_)), "{at}: {ending:?}");
                let passed = Lost {
                    places: 1,
                    bytes: end - begin,
                    first: begin,
                };
                assert_eq!(lost, passed, "{at}");
            }
        }
    }
}

/// Missing or additional bytes, at any place, cost only the frames that they are in.
#[test]
fn behind_lost_or_added_bytes_the_next_frame_is_found() {
    let whole = recording(&boot());
    let frames = frames(&whole);
    let second = frames[2]..frames[3];
    for at in (second.start..second.end).step_by(7) {
        let mut cut = whole.clone();
        cut.drain(at..second.end.min(at + 90));
        let mut more = whole.clone();
        more.splice(at..at, [2, 0, 0, 0].repeat(30));
        for bytes in [cut, more] {
            let (snapshots, ending, lost) = read_all(&bytes).unwrap();
            assert!(matches!(ending, Ending::Whole(_)), "{at}: {ending:?}");
            let others = [&boot()[..1], &boot()[2..]].concat();
            // Bytes removed or added before the frame do not affect it.
            assert!(
                snapshots == others || at == second.start && snapshots == boot(),
                "{at}"
            );
            assert_eq!(lost.places, 1, "{at}");
        }
    }
}

#[test]
fn a_difference_across_a_gap_is_right() {
    let whole = recording(&boot());
    let of = |bytes: &[u8]| Recording::of(Reader::new(bytes).unwrap()).unwrap();
    let frames = frames(&whole);
    let mut bytes = whole.clone();
    // The second and the third snapshot.
    bytes[frames[2] + 40] ^= 1;
    bytes[frames[3] + 6] ^= 1;
    let (damaged, whole) = (of(&bytes), of(&whole));
    assert_eq!(damaged.snapshots, 2);
    assert_eq!(
        (damaged.lost.places, damaged.lost.first),
        (1, frames[2] as u64)
    );
    assert_eq!(damaged.period.seconds, whole.period.seconds);
    let lines = |recording: &Recording| recording.period.counts.lines(Scope::Host).unwrap();
    assert_eq!(lines(&damaged), lines(&whole));

    // A module reload in the gap is reported.
    let mut again = Host::new(8);
    again.exits((0, 1, 0), 10, 5, 1000, 0);
    let mut snapshots = boot();
    snapshots.push(again.snapshot(4000));
    let mut bytes = recording(&snapshots);
    bytes[frames[4] + 40] ^= 1;
    let damaged = of(&bytes);
    assert_eq!((damaged.period.reloads, damaged.lost.places), (1, 1));
}

/// A mark whose snapshot is lost applies to the next snapshot, unless that has a mark.
#[test]
fn marks_in_a_gap_are_lost() {
    let whole = marked(&boot(), &[(1, "a"), (2, "b")]);
    let frames = frames(&whole);
    for (frame, labels) in [
        (2, vec!["", "b"]),
        (3, vec!["", "b"]),
        (4, vec!["", "a"]),
        (5, vec!["", "a", "b"]),
    ] {
        let mut bytes = whole.clone();
        bytes[frames[frame] + 12] ^= 1;
        let recording = Recording::of(Reader::new(bytes.as_slice()).unwrap()).unwrap();
        let found: Vec<_> = recording.phases.iter().map(|phase| &phase.label).collect();
        assert_eq!(found, labels, "{frame}");
        assert_eq!(recording.lost.places, 1);
    }
}

/// A file full of frame heads, each of which claims the rest, takes no more time than another.
#[test]
fn a_file_of_nothing_but_heads_is_searched_in_time() {
    let mut bytes = recording(&boot());
    bytes.truncate(frames(&bytes)[2]);
    let begin = bytes.len();
    const SIZE: usize = 4 << 20;
    while bytes.len() < begin + SIZE {
        let length = begin + SIZE - bytes.len() + 100;
        bytes.extend(2u32.to_le_bytes());
        bytes.extend((length as u32).to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(b"exitstat");
        bytes.extend([0; 8]);
        bytes.extend((length as u64).to_le_bytes());
    }
    bytes.extend([0; 200]);
    let began = Instant::now();
    let (snapshots, ending, _) = read_all(&bytes).unwrap();
    assert_eq!(snapshots, boot()[..1]);
    assert_eq!(ending, Ending::Torn(begin as u64));
    // Takes a second without optimization. Checking each frame would take hours.
    assert!(began.elapsed() < Duration::from_secs(60));
}

#[test]
fn frames_of_later_versions_are_skipped() {
    let mut recorder = Recorder::new(Vec::new(), &metadata()).unwrap();
    recorder.snapshot(&boot()[0]).unwrap();
    recorder.frame(77, b"later").unwrap();
    recorder.snapshot(&boot()[1]).unwrap();
    let bytes = recorder.end(&End::default()).unwrap();
    let recording = Recording::of(Reader::new(bytes.as_slice()).unwrap()).unwrap();
    assert_eq!(recording.snapshots, 2);
}

/// The phases add up to the recording. Of several marks at the same snapshot, the last one counts.
#[test]
fn phases_are_from_mark_to_mark() {
    let of = |marks: &[(usize, &str)]| {
        let bytes = marked(&boot(), marks);
        Recording::of(Reader::new(bytes.as_slice()).unwrap()).unwrap()
    };
    let labels = |recording: &Recording| {
        let labels = recording.phases.iter().map(|phase| phase.label.clone());
        labels.collect::<Vec<_>>()
    };
    assert_eq!(labels(&of(&[])), [""]);
    assert_eq!(labels(&of(&[(0, "a")])), ["a"]);
    assert_eq!(labels(&of(&[(0, "a"), (2, "b"), (2, "c")])), ["a", "c"]);
    let end = of(&[(1, " a\u{1b}[31m\n"), (3, "end")]);
    assert_eq!(labels(&end), ["", "a[31m", "end"]);
    for marks in [&[][..], &[(1, "a")], &[(0, "a"), (1, "b"), (2, "a")]] {
        let recording = of(marks);
        let mut phases = recording.phases.into_iter().map(|phase| phase.period);
        let mut sum = phases.next().unwrap();
        phases.for_each(|period| sum.extend(&period));
        assert_eq!(sum, recording.period, "{marks:?}");
    }
}

#[test]
fn another_format_is_told_from_what_is_none() {
    let mut bytes = recording(&boot());
    bytes[8] = 3;
    assert!(matches!(read(&bytes), Err(Error::Version { found: 3, .. })));
    assert!(matches!(read(b"exitstat"), Err(Error::NotOne)));
    assert!(matches!(read(b""), Err(Error::NotOne)));
}

#[test]
fn a_whole_frame_with_no_snapshot_in_it_is_an_error() {
    let mut other = boot()[0].clone();
    other[8] = 9;
    let bytes = recording(&[boot()[0].clone(), other]);
    let error = Recording::of(Reader::new(bytes.as_slice()).unwrap()).unwrap_err();
    assert!(error.to_string().contains("version 9"), "{error}");
}

#[test]
fn a_length_that_is_not_there_takes_no_memory() {
    let mut bytes = recording(&[]);
    bytes.truncate(16);
    bytes.extend(1u32.to_le_bytes());
    bytes.extend(u32::MAX.to_le_bytes());
    bytes.extend([0; 100]);
    assert!(matches!(read(&bytes), Err(Error::Empty)));
}

proptest! {
    #[test]
    fn any_bytes_are_no_panic(head in 0usize..300, tail in vec(any::<u8>(), 0..300)) {
        let mut bytes = recording(&boot());
        bytes.truncate(head);
        bytes.extend(tail);
        if let Ok(reader) = Reader::new(bytes.as_slice()) {
            let _ = Recording::of(reader);
        }
    }
}

/// Compressed snapshots are read unchanged. A damaged frame of a snapshot or a VM costs only itself.
#[test]
fn compressed_frames_are_independent() {
    let vms = [(0, entry(1, "web", Some(WEB))), (1, entry(2, "db", None))];
    let whole = named(&boot(), &vms);
    assert!(whole.len() < recording(&boot()).len() * 2 / 3);
    assert_eq!(read(&whole).unwrap().0, boot());
    let frames = frames(&whole);
    // The metadata, two VMs, four snapshots, the end.
    assert_eq!(frames.len(), 9);
    let snapshots = [2, 4, 5, 6];
    for at in frames[1]..frames[7] {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        let (found, ending, lost) = read_all(&bytes).unwrap();
        let frame = frames.iter().rposition(|&begin| begin <= at).unwrap();
        let mut expected = boot();
        if let Some(n) = snapshots.iter().position(|&snapshot| snapshot == frame) {
            expected.remove(n);
        }
        assert_eq!(found, expected, "{at}");
        assert!(matches!(ending, Ending::Whole(_)), "{at}");
        assert_eq!((lost.places, lost.first), (1, frames[frame] as u64), "{at}");
    }
    for length in frames[1]..whole.len() {
        let complete = snapshots
            .iter()
            .filter(|&&frame| frames[frame + 1] <= length);
        match read(&whole[..length]) {
            Ok((found, _)) => assert_eq!(found, boot()[..complete.count()], "{length}"),
            Err(error) => assert!(matches!(error, Error::Empty), "{length}: {error}"),
        }
    }
}

/// A VM that ended keeps its name, and names of other processes' VMs are not mixed up.
#[test]
fn names_are_those_of_their_time() {
    let name = |recording: &Recording, vm| {
        let identity = recording.period.counts.identity(vm)?;
        identity.name()
    };
    let of = |vms: &[(usize, Entry)]| {
        let bytes = named(&boot(), vms);
        Recording::of(Reader::new(bytes.as_slice()).unwrap()).unwrap()
    };
    let ended = of(&[(0, entry(1, "web", None)), (1, entry(2, "db", None))]);
    assert_eq!(name(&ended, 1).as_deref(), Some("web"));
    assert_eq!(name(&ended, 2).as_deref(), Some("db"));
    let other = Entry {
        pid: 9,
        ..entry(1, "other", None)
    };
    assert_eq!(name(&of(&[(0, other)]), 1), None);
    let anew = of(&[(0, entry(1, "web", None)), (2, entry(1, "new", None))]);
    assert_eq!(name(&anew, 1).as_deref(), Some("new"));
}
