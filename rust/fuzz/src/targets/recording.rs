// SPDX-License-Identifier: GPL-2.0

//! Recordings of the command `exitstat`.

use exitstat_cli::source::recording::{
    Compression, End, Ending, Lost, Mark, Reader, Recorder, Recording,
};

/// A recording that was read and written again can be read again, and has the same totals if all snapshots are
/// valid.
pub fn run(data: &[u8]) {
    let Ok(mut reader) = Reader::new(data) else {
        return;
    };
    let metadata = reader.metadata().clone();
    let mut recorder =
        Recorder::with(Vec::new(), &metadata, Compression::Deflate).expect("memory takes all");
    let mut snapshots = 0;
    while let Ok(Some(bytes)) = reader.next_bytes() {
        for label in reader.take_marks() {
            let mark = Mark::new(&label);
            assert_eq!(mark.label, label);
            recorder.mark(&mark).expect("memory takes all");
        }
        for vm in reader.take_vms() {
            recorder.vm(&vm).expect("memory takes all");
        }
        recorder.snapshot(&bytes).expect("memory takes all");
        snapshots += 1;
    }
    let (ending, lost) = (reader.ending().clone(), reader.lost());
    assert_eq!(
        reader.warning().is_none(),
        matches!(ending, Ending::Whole(_)) && lost == Lost::default()
    );
    // Skipped bytes are in the file after its header, at least one per place.
    assert!(lost.bytes >= lost.places && lost.bytes <= data.len() as u64 - 16);
    let end = match ending {
        Ending::Whole(end) => end,
        _ => End::default(),
    };
    let again = recorder.end(&end).expect("memory takes all");

    let of = |bytes| Reader::new(bytes).and_then(Recording::of).ok();
    let (first, second) = (of(data), of(again.as_slice()));
    assert_eq!(first.is_some(), second.is_some());
    if let (Some(first), Some(second)) = (first, second) {
        assert_eq!((first.snapshots, first.lost), (snapshots, lost));
        assert_eq!(second.ending, Ending::Whole(end));
        assert_eq!(second.lost, Lost::default());
        let second = Recording {
            ending: first.ending.clone(),
            lost,
            ..second
        };
        assert_eq!(first, second);
    }
}
