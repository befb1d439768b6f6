// SPDX-License-Identifier: GPL-2.0

//! Recordings: snapshots in a file, one after another, as they were taken.
//!
//! A file is a head of 16 bytes, and frames. All numbers are little-endian.
//!
//! | head | |
//! |---|---|
//! | 8 bytes | `exit-rec` |
//! | 4 bytes | the format's version: 2, or 1 if all snapshots are uncompressed |
//! | 4 bytes | 0 |
//!
//! | frame | |
//! |---|---|
//! | 4 bytes | its kind: 1 metadata, 2 a snapshot, 3 the end, 4 a mark, 5 a VM, 6 a compressed snapshot |
//! | 4 bytes | the length of its payload |
//! | 4 bytes | the CRC-32 (that of zlib) of kind, length and payload |
//! | so many bytes as its length | its payload |
//!
//! The first frame is [`Metadata`], as JSON. A snapshot is what the device gave, of the format in
//! `exitstat-core`. A [`Mark`], as JSON, names the moment of the snapshot that comes after it. The
//! last frame, [`End`], as JSON, tells that the recording was not cut off.
//! Frames of other kinds, and fields of JSON that are not known, are skipped.
//!
//! Each frame is written by one call, so that if exitstat is killed, at most the last one is torn.
//! What is before it can be read; [`Reader::ending`] tells that there was more.
//!
//! Behind a damaged frame the reader looks for the next one that is whole ([`Ahead`]), and tells by
//! [`Reader::lost`] how much it passed over. The counters of snapshots are totals, so a difference
//! across such a gap is as right as any: what is lost is when things happened in it, its marks, and
//! what was counted before the module was loaded again in it.

use crate::{
    model::{Period, Sample},
    vm::known::{Entry, Known},
};
use ahead::Ahead;
use exitstat_core::snapshot::Malformed;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, Read, Write},
    path::Path,
};

mod ahead;
pub mod error;
mod intervals;
mod packed;

pub use error::{Error, NoMark};
pub use intervals::{Interval, Intervals};

const MAGIC: &[u8; 8] = b"exit-rec";
/// Formats that are read. The second may have compressed snapshots.
const VERSIONS: std::ops::RangeInclusive<u32> = 1..=2;
const METADATA: u32 = 1;
const SNAPSHOT: u32 = 2;
const END: u32 = 3;
const MARK: u32 = 4;
const VM: u32 = 5;
const PACKED: u32 = 6;

/// What a recording says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// Of what is here: 1. Later ones have more.
    pub schema: u32,
    /// exitstat's version.
    pub exitstat: String,
    /// When it began; RFC 3339.
    pub started: String,
    /// exitstat's command line.
    pub command_line: Vec<String>,
    /// The host's name, if one wished it to be here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The kernel's release.
    pub kernel: String,
    /// Who counted, as tables say it.
    pub source: String,
    /// Whose CPU it was: `intel` or `amd`.
    pub vendor: String,
    /// Parameters of kernel modules, such as `ept`, by module.
    pub parameters: BTreeMap<String, BTreeMap<String, String>>,
    /// Nanoseconds between snapshots.
    pub interval_ns: u64,
}

/// How a recording ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct End {
    /// The exit status of the command that was recorded, as a shell gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u8>,
}

/// The name of a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mark {
    /// What begins there.
    pub label: String,
}

impl Mark {
    /// Of a text that anybody wrote: what could be shown of it on one line.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let shown: String = text.chars().filter(|c| !c.is_control()).collect();
        let cut: String = shown.trim().chars().take(80).collect();
        Self {
            label: cut.trim_end().to_owned(),
        }
    }
}

/// How what could be read of a recording ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Not yet.
    NotYet,
    /// As it should.
    Whole(End),
    /// After a whole frame, that was not the last: it was killed, or still goes on.
    CutOff,
    /// At this byte a frame begins that is not whole, or damaged, and there is no whole one after it.
    Torn(u64),
}

/// What was passed over between whole frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// In how many places.
    pub places: u64,
    /// Bytes.
    pub bytes: u64,
    /// Where in the file the first of them is.
    pub first: u64,
}

/// What to warn of, if a recording is not whole.
fn warning(lost: Lost, ending: &Ending) -> Option<String> {
    let Lost {
        places,
        bytes,
        first,
    } = lost;
    let damaged = match places {
        0 => None,
        1 => Some(format!(
            "the recording is damaged: {bytes} bytes are lost at byte {first}"
        )),
        _ => Some(format!(
            "the recording is damaged: {bytes} bytes are lost in {places} places, the first at byte {first}"
        )),
    };
    let ended = match ending {
        Ending::NotYet | Ending::Whole(_) => None,
        Ending::CutOff => Some("the recording was cut off".to_owned()),
        Ending::Torn(at) => Some(format!(
            "the recording is torn or damaged from byte {at} on"
        )),
    };
    let is_of = match (&damaged, ending) {
        (None, Ending::Torn(_)) => "the output covers only what precedes it",
        (None, _) => "the output covers only what is there",
        (Some(_), _) => "the output covers the other snapshots and marks",
    };
    let what: Vec<_> = damaged.into_iter().chain(ended).collect();
    (!what.is_empty()).then(|| format!("{}; {is_of}", what.join(", and ")))
}

/// Reads a recording, frame by frame.
#[derive(Debug)]
pub struct Reader<R> {
    ahead: Ahead<R>,
    at: u64,
    metadata: Metadata,
    /// The first frame, if it is not the metadata.
    first: Option<Frame>,
    ending: Ending,
    lost: Lost,
    marks: Vec<String>,
    known: Known,
    vms: Vec<Entry>,
}

/// A frame's kind and its payload.
type Frame = (u32, Vec<u8>);

impl Reader<BufReader<File>> {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// As of [`Self::new`]; or it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, crate::error::Error> {
        let opened = File::open(path).map_err(Error::Io);
        opened
            .and_then(|file| Self::new(BufReader::new(file)))
            .map_err(|why| crate::error::Error::Recording {
                path: path.to_owned(),
                why,
            })
    }
}

impl<R: Read> Reader<R> {
    /// Reads the head and the metadata.
    ///
    /// # Errors
    ///
    /// It is no recording, or nothing of it is whole.
    pub fn new(mut input: R) -> Result<Self, Error> {
        let mut head = Vec::new();
        input.by_ref().take(16).read_to_end(&mut head)?;
        let Some((magic, rest)) = head.split_first_chunk::<8>() else {
            return Err(Error::NotOne);
        };
        if magic != MAGIC {
            return Err(Error::NotOne);
        }
        let Some((version, [_, _, _, _])) = rest.split_first_chunk::<4>() else {
            return Err(Error::Empty);
        };
        match u32::from_le_bytes(*version) {
            version if VERSIONS.contains(&version) => (),
            found => {
                return Err(Error::Version {
                    found,
                    known: *VERSIONS.end(),
                })
            }
        }
        let mut reader = Self {
            ahead: Ahead::new(input),
            at: 16,
            metadata: Metadata::default(),
            first: None,
            ending: Ending::NotYet,
            lost: Lost::default(),
            marks: Vec::new(),
            known: Known::default(),
            vms: Vec::new(),
        };
        match reader.frame()? {
            Some((METADATA, payload)) => {
                reader.metadata = serde_json::from_slice(&payload).map_err(|_| Error::Empty)?;
            }
            // Without what the recording says of itself, its snapshots are still right.
            frame @ Some(_) if reader.lost.places > 0 => reader.first = frame,
            _ => return Err(Error::Empty),
        }
        Ok(reader)
    }

    /// What the recording says of itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// How it ended; to be asked when there are no more samples.
    pub fn ending(&self) -> &Ending {
        &self.ending
    }

    /// What was passed over so far.
    pub fn lost(&self) -> Lost {
        self.lost
    }

    /// What to warn of, of what was read so far.
    pub fn warning(&self) -> Option<String> {
        warning(self.lost, &self.ending)
    }

    /// The next snapshot's bytes.
    ///
    /// # Errors
    ///
    /// It cannot be read. What is torn or damaged is no error, but passed over.
    pub fn next_bytes(&mut self) -> Result<Option<Vec<u8>>, Error> {
        while let Some((kind, payload)) = self.frame()? {
            match kind {
                SNAPSHOT => return Ok(Some(payload)),
                // The checksum is right, so whoever wrote it did so.
                PACKED => {
                    let snapshot = packed::unpack(&payload);
                    return snapshot
                        .map(Some)
                        .ok_or(Error::Snapshot(Malformed::Damaged));
                }
                VM => {
                    if let Ok(entry) = serde_json::from_slice::<Entry>(&payload) {
                        self.known.add(entry.clone());
                        self.vms.push(entry);
                    }
                }
                END => {
                    let end = serde_json::from_slice(&payload).unwrap_or_default();
                    self.ending = Ending::Whole(end);
                    return Ok(None);
                }
                MARK => {
                    let mark: Mark = serde_json::from_slice(&payload).unwrap_or_default();
                    self.marks.push(Mark::new(&mark.label).label);
                }
                _ => (),
            }
        }
        Ok(None)
    }

    /// The marks of the snapshot that was read last.
    pub fn take_marks(&mut self) -> Vec<String> {
        std::mem::take(&mut self.marks)
    }

    /// What became known of VMs up to the snapshot that was read last.
    pub fn take_vms(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.vms)
    }

    /// What is known of VMs at the snapshot that was read last.
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// The next sample.
    ///
    /// # Errors
    ///
    /// As of [`Self::next_bytes`]; or a whole frame holds something else.
    pub fn next_sample(&mut self) -> Result<Option<Sample>, Error> {
        let bytes = self.next_bytes()?;
        let sample = bytes.map(|bytes| Sample::parse(&bytes)).transpose();
        let mut sample = sample.map_err(Error::Snapshot)?;
        self.vms.clear();
        if let Some(sample) = &mut sample {
            self.known.name(&mut sample.counts);
        }
        Ok(sample)
    }

    /// The next whole frame.
    fn frame(&mut self) -> Result<Option<Frame>, Error> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        if self.ending != Ending::NotYet {
            return Ok(None);
        }
        if self.ahead.is_at_end()? {
            self.ending = Ending::CutOff;
            return Ok(None);
        }
        if !self.ahead.has_frame()? {
            let Some(passed) = self.ahead.search()? else {
                self.ending = Ending::Torn(self.at);
                return Ok(None);
            };
            if self.lost.places == 0 {
                self.lost.first = self.at;
            }
            self.lost.places += 1;
            self.lost.bytes += passed;
            self.at += passed;
        }
        let frame = self.ahead.take_frame()?;
        if let Some((_, payload)) = &frame {
            self.at += ahead::HEAD as u64 + payload.len() as u64;
        }
        Ok(frame)
    }
}

fn checksum(kind: u32, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&kind.to_le_bytes());
    hasher.update(&(payload.len() as u32).to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

/// A recording as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// What it says of itself.
    pub metadata: Metadata,
    /// How it ended.
    pub ending: Ending,
    /// What was damaged before that.
    pub lost: Lost,
    /// How many snapshots it has.
    pub snapshots: u64,
    /// What happened from the first to the last; if there is only one, all that it has.
    pub period: Period,
    /// The same, from each mark to the next.
    pub phases: Vec<Phase>,
    /// All that the last one has.
    pub last: Sample,
}

/// What happened from a mark to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// The mark; empty for what was before the first.
    pub label: String,
    /// What happened.
    pub period: Period,
}

impl Recording {
    /// Reads a file to its end.
    ///
    /// # Errors
    ///
    /// It cannot be read, or there is no snapshot in it.
    pub fn open(path: &Path) -> Result<Self, crate::error::Error> {
        let reader = Reader::open(path)?;
        Self::of(reader).map_err(|why| crate::error::Error::Recording {
            path: path.to_owned(),
            why,
        })
    }

    /// What to warn of, if it is not whole.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        warning(self.lost, &self.ending)
    }

    /// What happened in the phases of a name, or before a mark, or in all.
    ///
    /// # Errors
    ///
    /// There is nothing of that name.
    pub fn part(&self, phase: Option<&str>, until: Option<&str>) -> Result<Period, NoMark> {
        match (phase, until) {
            (Some(mark), _) => self.phase(mark),
            (None, Some(mark)) => self.until(mark),
            (None, None) => Ok(self.period.clone()),
        }
    }

    /// What happened in the phases of a name.
    ///
    /// # Errors
    ///
    /// There are none.
    pub fn phase(&self, label: &str) -> Result<Period, NoMark> {
        let phases = self.phases.iter().filter(|phase| phase.label == label);
        self.sum(phases, label)
    }

    /// What happened before a mark.
    ///
    /// # Errors
    ///
    /// There is no such mark, or nothing before it.
    pub fn until(&self, label: &str) -> Result<Period, NoMark> {
        let at = self.phases.iter().position(|phase| phase.label == label);
        self.sum(self.phases.iter().take(at.unwrap_or(0)), label)
    }

    fn sum<'a>(
        &self,
        phases: impl Iterator<Item = &'a Phase>,
        label: &str,
    ) -> Result<Period, NoMark> {
        let mut sum: Option<Period> = None;
        for phase in phases {
            match &mut sum {
                Some(sum) => sum.extend(&phase.period),
                None => sum = Some(phase.period.clone()),
            }
        }
        sum.ok_or_else(|| NoMark {
            label: label.to_owned(),
            there_are: {
                let labels = self.phases.iter().map(|phase| phase.label.clone());
                labels.filter(|label| !label.is_empty()).collect()
            },
        })
    }

    /// Reads to the end.
    ///
    /// # Errors
    ///
    /// It cannot be read, or there is no snapshot in it.
    pub fn of(mut reader: Reader<impl Read>) -> Result<Self, Error> {
        let mut last = reader.next_sample()?.ok_or(Error::Empty)?;
        let mut period: Option<Period> = None;
        let mut phases: Vec<Phase> = Vec::new();
        let mut label = reader.take_marks().pop().or(Some(String::new()));
        let mut snapshots = 1;
        while let Some(sample) = reader.next_sample()? {
            let next = Period::between(&last, &sample);
            match &mut period {
                Some(period) => period.extend(&next),
                None => period = Some(next.clone()),
            }
            match (label.take(), phases.last_mut()) {
                (None, Some(phase)) => phase.period.extend(&next),
                (label, _) => phases.push(Phase {
                    label: label.unwrap_or_default(),
                    period: next,
                }),
            }
            // Between two marks of one moment nothing happens.
            label = reader.take_marks().pop();
            last = sample;
            snapshots += 1;
        }
        // Nothing comes after a mark of the end, but it is there.
        if let Some(label) = label.filter(|_| !phases.is_empty()) {
            let period = Period::between(&last, &last);
            phases.push(Phase { label, period });
        }
        Ok(Self {
            metadata: reader.metadata,
            ending: reader.ending,
            lost: reader.lost,
            snapshots,
            phases,
            period: period.unwrap_or_else(|| Period::since_load(last.clone())),
            last,
        })
    }
}

/// Writes a recording.
#[derive(Debug)]
pub struct Recorder<W> {
    output: W,
    compression: Compression,
}

/// How snapshots are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// As format 1 has them, which any exitstat reads.
    None,
    /// Each by itself, so that each can be read without the others.
    #[default]
    Deflate,
}

impl<W: Write> Recorder<W> {
    /// Begins one of format 1.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn new(output: W, metadata: &Metadata) -> io::Result<Self> {
        Self::with(output, metadata, Compression::None)
    }

    /// Begins one.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn with(mut output: W, metadata: &Metadata, compression: Compression) -> io::Result<Self> {
        let mut head = MAGIC.to_vec();
        let version = match compression {
            Compression::None => VERSIONS.start(),
            Compression::Deflate => VERSIONS.end(),
        };
        head.extend(version.to_le_bytes());
        head.extend([0; 4]);
        output.write_all(&head)?;
        let mut recorder = Self {
            output,
            compression,
        };
        recorder.frame(METADATA, &serde_json::to_vec(metadata)?)?;
        Ok(recorder)
    }

    /// Adds a snapshot, as the device gave it.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn snapshot(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.compression {
            Compression::Deflate => match packed::pack(bytes)? {
                Some(packed) => self.frame(PACKED, &packed),
                None => self.frame(SNAPSHOT, bytes),
            },
            Compression::None => self.frame(SNAPSHOT, bytes),
        }
    }

    /// Adds what is known of a VM, before the snapshot that has it first.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn vm(&mut self, entry: &Entry) -> io::Result<()> {
        self.frame(VM, &serde_json::to_vec(entry)?)
    }

    /// Adds a mark, to be followed by the snapshot of that moment.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn mark(&mut self, mark: &Mark) -> io::Result<()> {
        self.frame(MARK, &serde_json::to_vec(mark)?)
    }

    /// Ends it, and returns what it was written to.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn end(mut self, end: &End) -> io::Result<W> {
        self.frame(END, &serde_json::to_vec(end)?)?;
        Ok(self.output)
    }

    /// What it is written to.
    pub fn output(&self) -> &W {
        &self.output
    }

    /// Goes on in another place, which has what was written so far.
    pub fn onto<V: Write>(self, output: V) -> Recorder<V> {
        Recorder {
            output,
            compression: self.compression,
        }
    }

    /// Adds a frame of any kind.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn frame(&mut self, kind: u32, payload: &[u8]) -> io::Result<()> {
        let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
        let mut frame = Vec::with_capacity(12 + payload.len());
        frame.extend(kind.to_le_bytes());
        frame.extend(length.to_le_bytes());
        frame.extend(checksum(kind, payload).to_le_bytes());
        frame.extend(payload);
        self.output.write_all(&frame)?;
        self.output.flush()
    }
}
