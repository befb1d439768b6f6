// SPDX-License-Identifier: GPL-2.0

//! Iteration over a recording's intervals, with only one of them in memory.

use super::{Error, Reader};
use crate::model::{Period, Sample};
use exitstat_core::snapshot::Header;
use std::io::Read;

/// Reader of the intervals between the snapshots of a recording.
#[derive(Debug)]
pub struct Intervals<R> {
    reader: Reader<R>,
    last: Sample,
    marks: Vec<String>,
}

/// Interval between two snapshots.
#[derive(Debug)]
pub struct Interval {
    /// The counters.
    pub period: Period,
    /// Marks at its end.
    pub marks: Vec<String>,
}

impl<R: Read> Intervals<R> {
    /// Reads the first snapshot.
    ///
    /// # Errors
    ///
    /// It cannot be read, or does not exist.
    pub fn new(mut reader: Reader<R>) -> Result<Self, Error> {
        let last = reader.next_sample()?.ok_or(Error::Empty)?;
        let marks = reader.take_marks();
        Ok(Self {
            reader,
            last,
            marks,
        })
    }

    /// Returns the marks of the first snapshot.
    #[must_use]
    pub fn marks(&self) -> &[String] {
        &self.marks
    }

    /// Returns the header of the last snapshot read.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.last.header
    }

    /// Returns the reader of the file.
    #[must_use]
    pub fn reader(&self) -> &Reader<R> {
        &self.reader
    }

    /// Returns the next interval.
    ///
    /// # Errors
    ///
    /// A snapshot cannot be read.
    pub fn next_interval(&mut self) -> Result<Option<Interval>, Error> {
        let Some(sample) = self.reader.next_sample()? else {
            return Ok(None);
        };
        let period = Period::between(&self.last, &sample);
        self.last = sample;
        Ok(Some(Interval {
            period,
            marks: self.reader.take_marks(),
        }))
    }
}
