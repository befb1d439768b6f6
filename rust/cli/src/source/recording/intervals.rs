// SPDX-License-Identifier: GPL-2.0

//! The intervals of a recording, one after another, so that only one is in memory.

use super::{Error, Reader};
use crate::model::{Period, Sample};
use exitstat_core::snapshot::Header;
use std::io::Read;

/// Reads what happened between each snapshot of a recording and the next.
#[derive(Debug)]
pub struct Intervals<R> {
    reader: Reader<R>,
    last: Sample,
    marks: Vec<String>,
}

/// What happened between two snapshots.
#[derive(Debug)]
pub struct Interval {
    /// What was counted.
    pub period: Period,
    /// Marks of its end.
    pub marks: Vec<String>,
}

impl<R: Read> Intervals<R> {
    /// Reads the first snapshot.
    ///
    /// # Errors
    ///
    /// It cannot be read, or there is none.
    pub fn new(mut reader: Reader<R>) -> Result<Self, Error> {
        let last = reader.next_sample()?.ok_or(Error::Empty)?;
        let marks = reader.take_marks();
        Ok(Self {
            reader,
            last,
            marks,
        })
    }

    /// Marks of the first snapshot.
    #[must_use]
    pub fn marks(&self) -> &[String] {
        &self.marks
    }

    /// The head of the snapshot that was read last.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.last.header
    }

    /// What was read of the file so far.
    #[must_use]
    pub fn reader(&self) -> &Reader<R> {
        &self.reader
    }

    /// The next interval.
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
