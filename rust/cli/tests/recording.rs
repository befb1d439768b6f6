// SPDX-License-Identifier: GPL-2.0

//! Recordings that are cut off, torn, or damaged.

mod common;

use common::{boot, marked, metadata, recording};
use exitstat_cli::source::recording::{End, Ending, Error, Reader, Recorder, Recording};
use proptest::{collection::vec, prelude::*};

/// The whole snapshots of what may be a recording, and how it ended.
fn read(bytes: &[u8]) -> Result<(Vec<Vec<u8>>, Ending), Error> {
    let mut reader = Reader::new(bytes)?;
    let mut all = Vec::new();
    while let Some(snapshot) = reader.next_bytes()? {
        all.push(snapshot);
    }
    Ok((all, reader.ending().clone()))
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

/// Wherever it is cut, all whole frames are there, and that it was cut is told.
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
                assert!(ending.warning().is_some());
            }
            Err(error) => {
                assert_eq!(complete, 0, "{length}: {error}");
                assert_eq!(matches!(error, Error::NotOne), length < 8, "{error}");
            }
        }
    }
}

#[test]
fn a_byte_that_changed_is_found() {
    let whole = recording(&boot());
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        match read(&bytes) {
            // Four bytes of the head are nothing yet.
            Ok((_, Ending::Whole(_))) => assert!((12..16).contains(&at), "{at}"),
            Ok((snapshots, _)) => assert_eq!(snapshots, boot()[..snapshots.len()], "{at}"),
            Err(_) => (),
        }
    }
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

/// Phases have, together, what the recording has; of two marks of one moment the last one counts.
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
    bytes[8] = 2;
    assert!(matches!(read(&bytes), Err(Error::Version(2))));
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
