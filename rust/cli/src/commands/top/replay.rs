// SPDX-License-Identifier: GPL-2.0

//! A recording with random access to snapshots.

use super::{
    step::{Span, Step},
    timeline::{Moment, Timeline},
};
use crate::{
    model::{Period, Sample},
    source::recording::{Error, Reader},
};
use exitstat_core::snapshot::Snapshot;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufReader, Cursor, Read},
    path::{Path, PathBuf},
    rc::Rc,
};

/// Number of snapshots to keep. Recordings are read only forward, so going back further reads from the
/// start.
const KEPT: usize = 32;

/// Number of sums since the start to keep. They are evenly distributed, so that going back needs few
/// snapshots.
const SUMS: usize = 32;

/// Content of a recording.
enum Bytes {
    /// A file, which is read again when needed.
    File(PathBuf),
    /// The data from a pipe.
    Memory(Rc<[u8]>),
}

impl Bytes {
    fn open(path: &Path) -> Result<Self, Error> {
        let mut file = File::open(path)?;
        if file.metadata()?.is_file() {
            return Ok(Self::File(path.to_owned()));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(Self::Memory(bytes.into()))
    }

    fn reader(&self) -> Result<Reader<Box<dyn Read>>, Error> {
        Reader::new(match self {
            Self::File(path) => Box::new(BufReader::new(File::open(path)?)),
            Self::Memory(bytes) => Box::new(Cursor::new(Rc::clone(bytes))),
        })
    }
}

/// A recording.
pub struct Replay {
    bytes: Bytes,
    timeline: Timeline,
    warning: Option<String>,
    reader: Reader<Box<dyn Read>>,
    /// Index of the reader's next snapshot.
    next: usize,
    kept: BTreeMap<usize, Rc<Sample>>,
    sums: BTreeMap<usize, Period>,
    /// The last sum requested.
    last_sum: Option<(usize, Period)>,
}

impl Replay {
    /// Opens a recording, and reads it once to find its snapshots.
    ///
    /// # Errors
    ///
    /// The recording cannot be read, or it has no snapshot.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let bytes = Bytes::open(path)?;
        let mut reader = bytes.reader()?;
        let mut moments = Vec::new();
        while let Some(bytes) = reader.next_bytes()? {
            let header = Snapshot::parse(&bytes).map_err(Error::Snapshot)?.header;
            moments.push(Moment {
                realtime: header.realtime,
                marks: reader.take_marks(),
            });
        }
        // A recording may end with a mark without a snapshot.
        if let Some(last) = moments.last_mut() {
            last.marks.extend(reader.take_marks());
        }
        Ok(Self {
            timeline: Timeline::new(moments).ok_or(Error::Empty)?,
            warning: reader.warning(),
            reader: bytes.reader()?,
            next: 0,
            kept: BTreeMap::new(),
            sums: BTreeMap::new(),
            last_sum: None,
            bytes,
        })
    }

    /// Returns the times of the snapshots.
    #[must_use]
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Returns the warning about missing data, if any is missing.
    #[must_use]
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// Returns the step that ends with a snapshot.
    ///
    /// # Errors
    ///
    /// The recording cannot be read again.
    pub fn step(&mut self, at: usize, span: Span) -> Result<Step, Error> {
        let at = at.min(self.timeline.last());
        let before = match at {
            0 => None,
            _ => Some(self.sample(at - 1)?),
        };
        let after = self.sample(at)?;
        let total = || self.total(at);
        Step::new(at, (before.as_deref(), &*after), span, total)
    }

    /// Returns the period since the first snapshot. It includes VMs that ended in it, so it is the sum of
    /// all intervals, not the difference between two snapshots.
    fn total(&mut self, at: usize) -> Result<Period, Error> {
        let nearest = self.sums.range(..=at).next_back();
        let nearest = nearest.map(|(&sum_at, sum)| (sum_at, sum.clone()));
        let last = self.last_sum.take().filter(|&(last, _)| last <= at);
        let found = nearest.into_iter().chain(last).max_by_key(|&(at, _)| at);
        let (mut done, mut sum) = match found {
            Some(found) => found,
            None => {
                let first = self.sample(0)?;
                (0, Period::between(&first, &first))
            }
        };
        let between_sums = self.timeline.last() / SUMS + 1;
        while done < at {
            let before = self.sample(done)?;
            done += 1;
            let next = Period::between(&before, &*self.sample(done)?);
            // Start with the first interval, because extending an empty sum would change what is known of
            // it.
            match done {
                1 => sum = next,
                _ => sum.extend(&next),
            }
            if done % between_sums == 0 {
                self.sums.insert(done, sum.clone());
            }
        }
        self.last_sum = Some((at, sum.clone()));
        Ok(sum)
    }

    fn sample(&mut self, at: usize) -> Result<Rc<Sample>, Error> {
        if let Some(sample) = self.kept.get(&at) {
            return Ok(Rc::clone(sample));
        }
        if self.next > at {
            self.reader = self.bytes.reader()?;
            self.next = 0;
        }
        // A user who steps back is likely to step back again.
        let wanted = (at + 1).saturating_sub(KEPT / 2);
        loop {
            // The file was intact up to there when it was opened.
            let bytes = self.reader.next_bytes()?.ok_or(Error::Empty)?;
            let read = self.next;
            self.next += 1;
            if read < wanted {
                continue;
            }
            let mut sample = Sample::parse(&bytes).map_err(Error::Snapshot)?;
            self.reader.known().name(&mut sample.counts);
            let sample = Rc::new(sample);
            self.keep(read, &sample);
            if read == at {
                return Ok(sample);
            }
        }
    }

    /// Keeps a snapshot. If there are too many, drops the farthest one.
    fn keep(&mut self, at: usize, sample: &Rc<Sample>) {
        self.kept.insert(at, Rc::clone(sample));
        if self.kept.len() > KEPT {
            let others = self.kept.keys().copied();
            if let Some(farthest) = others.max_by_key(|&other| other.abs_diff(at)) {
                self.kept.remove(&farthest);
            }
        }
    }
}
