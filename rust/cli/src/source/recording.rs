// SPDX-License-Identifier: GPL-2.0

//! Recordings: snapshots in a file, one after another.
//!
//! A file is a head of 16 bytes, followed by frames. All numbers are little-endian.
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
//! | as long as its length says | its payload |
//!
//! The first frame is [`Metadata`], as JSON. A snapshot is in the device's format, which `exitstat-core`
//! defines. A [`Mark`], as JSON, names the moment of the snapshot that follows. The last frame, [`End`], as
//! JSON, shows that the recording is complete. Readers skip frames of other kinds and unknown JSON fields.
//!
//! Each frame is written by one call, so at most the last one is torn if exitstat is killed. Everything
//! before it can be read; [`Reader::ending`] returns whether there was more.
//!
//! After a damaged frame, the reader searches for the next intact one ([`Ahead`]). [`Reader::lost`] returns
//! how much it skipped. Snapshots have totals, so differences across such a gap are still correct. What is
//! lost is the distribution of exits within the gap, its marks, and exits before a reload of the module in
//! it.

use crate::{
    model::{Period, Sample},
    vm::{
        known::{Entry, Known},
        text::printable,
    },
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
/// Supported formats. Format 2 may have compressed snapshots.
const VERSIONS: std::ops::RangeInclusive<u32> = 1..=2;
const METADATA: u32 = 1;
const SNAPSHOT: u32 = 2;
const END: u32 = 3;
const MARK: u32 = 4;
const VM: u32 = 5;
const PACKED: u32 = 6;

/// Description of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// Version of this structure: 1. Later versions have more fields.
    pub schema: u32,
    /// exitstat's version.
    pub exitstat: String,
    /// When the recording began, in RFC 3339 format.
    pub started: String,
    /// exitstat's command line.
    pub command_line: Vec<String>,
    /// The host's name, if the user wanted it recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The kernel's release.
    pub kernel: String,
    /// Source of the counters, as in tables.
    pub source: String,
    /// CPU vendor: `intel` or `amd`.
    pub vendor: String,
    /// Parameters by kernel module, such as `ept`.
    pub parameters: BTreeMap<String, BTreeMap<String, String>>,
    /// Nanoseconds between snapshots.
    pub interval_ns: u64,
}

/// How a recording ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct End {
    /// Exit status of the recorded command, as a shell reports it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u8>,
}

/// Name of a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mark {
    /// The phase that begins there.
    pub label: String,
}

impl Mark {
    /// Creates a mark from untrusted text, without control characters and cut to fit on one line.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let shown: String = text.chars().filter(|c| !c.is_control()).collect();
        let cut: String = printable(shown.trim()).chars().take(80).collect();
        Self {
            label: cut.trim_end().to_owned(),
        }
    }
}

/// How a recording ended, as far as it could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It has not ended yet.
    NotYet,
    /// With an end frame.
    Whole(End),
    /// After an intact frame other than the end: the recorder was killed, or is still running.
    CutOff,
    /// With an incomplete or damaged frame at this byte, and no intact one after it.
    Torn(u64),
}

/// Bytes skipped between intact frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Number of gaps.
    pub places: u64,
    /// Number of bytes.
    pub bytes: u64,
    /// Position of the first gap in the file.
    pub first: u64,
}

/// Returns the warning about missing data, if any is missing.
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

/// Reader of a recording, frame by frame.
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

/// Kind and payload of a frame.
type Frame = (u32, Vec<u8>);

impl Reader<BufReader<File>> {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// See [`Self::new`]. Also fails if the file cannot be opened.
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
    /// The input is not a recording, or none of its frames is intact.
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
            // The snapshots are valid even without the metadata.
            frame @ Some(_) if reader.lost.places > 0 => reader.first = frame,
            _ => return Err(Error::Empty),
        }
        Ok(reader)
    }

    /// Returns the metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Returns how the recording ended. Call this after the last sample.
    pub fn ending(&self) -> &Ending {
        &self.ending
    }

    /// Returns how much was skipped so far.
    pub fn lost(&self) -> Lost {
        self.lost
    }

    /// Returns the warning about missing data so far, if any is missing.
    pub fn warning(&self) -> Option<String> {
        warning(self.lost, &self.ending)
    }

    /// Returns the bytes of the next snapshot.
    ///
    /// # Errors
    ///
    /// The input cannot be read. Torn or damaged frames are skipped and are not errors.
    pub fn next_bytes(&mut self) -> Result<Option<Vec<u8>>, Error> {
        while let Some((kind, payload)) = self.frame()? {
            match kind {
                SNAPSHOT => return Ok(Some(payload)),
                // The checksum is correct, so the writer produced these bytes.
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

    /// Takes the marks of the last snapshot read.
    pub fn take_marks(&mut self) -> Vec<String> {
        std::mem::take(&mut self.marks)
    }

    /// Takes the VM identities found up to the last snapshot read.
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
    /// See [`Self::next_bytes`]. Also fails if an intact frame has an invalid snapshot.
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

    /// Returns the next intact frame.
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

/// A whole recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// The metadata.
    pub metadata: Metadata,
    /// How it ended.
    pub ending: Ending,
    /// Damage before that.
    pub lost: Lost,
    /// Number of snapshots.
    pub snapshots: u64,
    /// The period from the first snapshot to the last, or since the loading of the module if there is only
    /// one.
    pub period: Period,
    /// The same period, split at the marks.
    pub phases: Vec<Phase>,
    /// The last sample.
    pub last: Sample,
}

/// Period from one mark to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// The mark; empty before the first one.
    pub label: String,
    /// The period.
    pub period: Period,
}

impl Recording {
    /// Reads a file to its end.
    ///
    /// # Errors
    ///
    /// It cannot be read, or has no snapshot.
    pub fn open(path: &Path) -> Result<Self, crate::error::Error> {
        let reader = Reader::open(path)?;
        Self::of(reader).map_err(|why| crate::error::Error::Recording {
            path: path.to_owned(),
            why,
        })
    }

    /// Returns the warning about missing data, if any is missing.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        warning(self.lost, &self.ending)
    }

    /// Returns the period of the phases with a name, the period before a mark, or the whole period.
    ///
    /// # Errors
    ///
    /// See [`Self::phase`] and [`Self::until`].
    pub fn part(&self, phase: Option<&str>, until: Option<&str>) -> Result<Period, NoMark> {
        match (phase, until) {
            (Some(mark), _) => self.phase(mark),
            (None, Some(mark)) => self.until(mark),
            (None, None) => Ok(self.period.clone()),
        }
    }

    /// Returns the sum of the phases with a name.
    ///
    /// # Errors
    ///
    /// There are no such phases.
    pub fn phase(&self, label: &str) -> Result<Period, NoMark> {
        let phases = self.phases.iter().filter(|phase| phase.label == label);
        self.sum(phases, label)
    }

    /// Returns the period before a mark.
    ///
    /// # Errors
    ///
    /// The mark does not exist, or has nothing before it.
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

    /// Reads the rest of a recording.
    ///
    /// # Errors
    ///
    /// It cannot be read, or has no snapshot.
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
            // If there are several marks at one moment, the last one counts.
            label = reader.take_marks().pop();
            last = sample;
            snapshots += 1;
        }
        // A mark at the end gets an empty phase.
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

/// Writer of a recording.
#[derive(Debug)]
pub struct Recorder<W> {
    output: W,
    compression: Compression,
}

/// Encoding of snapshots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Format 1, which every exitstat reads.
    None,
    /// Each snapshot compressed separately, so that it can be read without the others.
    #[default]
    Deflate,
}

impl<W: Write> Recorder<W> {
    /// Begins a recording in format 1.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn new(output: W, metadata: &Metadata) -> io::Result<Self> {
        Self::with(output, metadata, Compression::None)
    }

    /// Begins a recording.
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

    /// Writes a snapshot in the device's format.
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

    /// Writes the identity of a VM. Must precede the VM's first snapshot.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn vm(&mut self, entry: &Entry) -> io::Result<()> {
        self.frame(VM, &serde_json::to_vec(entry)?)
    }

    /// Writes a mark. The snapshot of that moment must follow.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn mark(&mut self, mark: &Mark) -> io::Result<()> {
        self.frame(MARK, &serde_json::to_vec(mark)?)
    }

    /// Writes the end, and returns the output.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn end(mut self, end: &End) -> io::Result<W> {
        self.frame(END, &serde_json::to_vec(end)?)?;
        Ok(self.output)
    }

    /// Returns the output.
    pub fn output(&self) -> &W {
        &self.output
    }

    /// Switches to another output, which must have everything written so far.
    pub fn onto<V: Write>(self, output: V) -> Recorder<V> {
        Recorder {
            output,
            compression: self.compression,
        }
    }

    /// Writes a frame of any kind.
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
