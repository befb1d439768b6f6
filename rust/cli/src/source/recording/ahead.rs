// SPDX-License-Identifier: GPL-2.0

//! Buffered input of a recording, and the search for frames in it.
//!
//! In an undamaged file, each frame begins where the previous one ends. If a frame is not intact, each byte
//! after its first may begin the next frame. Candidates are the end according to its length, for any kind
//! of frame, and everything that looks like the head of a snapshot, a mark, a VM or the end. The checksum
//! decides.
//!
//! A file crafted to keep a reader busy has many heads and no frames. Therefore heads must be plausible
//! before their payloads are read, and failed checksums may cover only a limited number of bytes per byte
//! skipped ([`Ahead::search`]). Memory grows with the file's content, not with the lengths it claims.

use super::{checksum, packed, Frame, END, MARK, PACKED, SNAPSHOT, VM};
use exitstat_core::snapshot::{self, Header};
use std::io::{self, Read};

/// Size of a frame's head in bytes.
pub const HEAD: usize = 12;

/// Size limit of payloads other than snapshots.
const MOST: u32 = 16 << 20;

/// Size limit of marks, VMs and ends during a search.
const MOST_FOUND: u32 = 4 << 10;

/// Number of bytes to search at once.
const CHUNK: usize = 64 << 10;

/// Limit of the bytes that failed checksums may cover, plus `PER_BYTE` for each byte skipped.
const IN_VAIN: i64 = 16 << 20;
const PER_BYTE: i64 = 2;

/// Head of a frame.
#[derive(Clone, Copy, Debug)]
struct Head {
    kind: u32,
    length: u32,
    sum: u32,
}

impl Head {
    fn read(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| {
            let word = bytes.get(at..)?.first_chunk::<4>()?;
            Some(u32::from_le_bytes(*word))
        };
        Some(Self {
            kind: word(0)?,
            length: word(4)?,
            sum: word(8)?,
        })
    }

    /// Returns the size of the whole frame.
    fn size(self) -> usize {
        HEAD + self.length as usize
    }
}

/// Buffered input.
#[derive(Debug)]
pub struct Ahead<R> {
    input: R,
    bytes: Vec<u8>,
    /// Start of the next bytes; those before it are consumed.
    start: usize,
}

impl<R: Read> Ahead<R> {
    /// Reads the rest of a file.
    pub fn new(input: R) -> Self {
        Self {
            input,
            bytes: Vec::new(),
            start: 0,
        }
    }

    /// Returns whether the input is at its end.
    pub fn is_at_end(&mut self) -> io::Result<bool> {
        Ok(self.peek(1)?.is_empty())
    }

    /// Returns whether an intact frame comes next.
    pub fn has_frame(&mut self) -> io::Result<bool> {
        Ok(match self.plausible(true)? {
            Some(head) => self.is_whole(head)?,
            None => false,
        })
    }

    /// Takes the intact frame that comes next; `None` at the end.
    pub fn take_frame(&mut self) -> io::Result<Option<Frame>> {
        let Some(head) = Head::read(self.peek(HEAD)?) else {
            return Ok(None);
        };
        self.peek(head.size())?;
        let payload = if self.start == 0 && self.bytes.len() == head.size() {
            // The usual case, unless there was a search.
            let mut payload = std::mem::take(&mut self.bytes);
            payload.drain(..HEAD);
            payload
        } else {
            let frame = self.peek(head.size())?;
            let payload = frame.get(HEAD..).unwrap_or_default().to_vec();
            self.pass(head.size());
            payload
        };
        Ok(Some((head.kind, payload)))
    }

    /// Skips damaged bytes up to the next intact frame. Returns how many it skipped, or `None` if there is
    /// no such frame.
    pub fn search(&mut self) -> io::Result<Option<u64>> {
        let damaged = Head::read(self.peek(HEAD)?);
        // If only the payload is damaged, the next frame begins here.
        let next = damaged.map(|head| head.size() as u64);
        let (mut passed, mut in_vain) = (0, IN_VAIN);
        let mut count = 1;
        loop {
            self.pass(count);
            passed += count as u64;
            in_vain = in_vain.saturating_add(PER_BYTE * count as i64);
            let window = self.window()?;
            let Some(last) = window.len().checked_sub(HEAD) else {
                return Ok(None);
            };
            let may_begin = |at: &usize| {
                next == Some(passed + *at as u64) || matches!(window[*at..], [2..=6, 0, 0, 0, ..])
            };
            let Some(at) = (0..=last).find(may_begin) else {
                count = last + 1;
                continue;
            };
            if at > 0 {
                count = at;
                continue;
            }
            count = 1;
            let Some(head) = self.plausible(next == Some(passed))? else {
                continue;
            };
            if in_vain <= 0 {
                continue;
            }
            if self.is_whole(head)? {
                return Ok(Some(passed));
            }
            in_vain -= i64::from(head.length);
        }
    }

    /// Returns the head of a possible frame that comes next. `expected` is whether a frame should begin
    /// here.
    fn plausible(&mut self, expected: bool) -> io::Result<Option<Head>> {
        let begin = self.peek(HEAD + SNAPSHOT_BEGIN)?;
        let payload = begin.get(HEAD..).unwrap_or_default();
        Ok(Head::read(begin).filter(|head| match head.kind {
            SNAPSHOT => snapshot_size(payload) == Some(head.length.into()),
            PACKED => packed::size(payload) == Some(head.length.into()),
            _ if expected => head.length <= MOST,
            MARK | END | VM => head.length <= MOST_FOUND && payload.first() == Some(&b'{'),
            _ => false,
        }))
    }

    /// Returns whether the next frame, which has this head, is complete and its checksum correct.
    fn is_whole(&mut self, head: Head) -> io::Result<bool> {
        let frame = self.peek(head.size())?;
        let payload = frame.get(HEAD..).unwrap_or_default();
        Ok(frame.len() == head.size() && checksum(head.kind, payload) == head.sum)
    }

    /// Returns the next `count` bytes, or all if there are fewer.
    fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        let there = self.bytes.len() - self.start;
        if let Some(missing) = count.checked_sub(there).filter(|&missing| missing > 0) {
            let mut input = self.input.by_ref().take(missing as u64);
            input.read_to_end(&mut self.bytes)?;
        }
        let next = &self.bytes[self.start..];
        Ok(&next[..count.min(next.len())])
    }

    /// Returns some of the next bytes: enough for a head, except at the end.
    fn window(&mut self) -> io::Result<&[u8]> {
        let there = self.bytes.len() - self.start;
        // A whole chunk at once, because the search advances byte by byte.
        self.peek(if there < HEAD {
            CHUNK
        } else {
            there.min(CHUNK)
        })
    }

    /// Skips this many of the buffered bytes.
    fn pass(&mut self, count: usize) {
        self.start = (self.start + count).min(self.bytes.len());
        // Moves fewer bytes than were skipped.
        if self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }
}

/// Number of bytes that [`snapshot_size`] reads.
const SNAPSHOT_BEGIN: usize = 24;

/// Returns the size that a snapshot's first bytes claim. All versions begin alike.
fn snapshot_size(bytes: &[u8]) -> Option<u64> {
    let word = |at: usize| {
        let word = bytes.get(at..)?.first_chunk::<8>()?;
        Some(u64::from_le_bytes(*word))
    };
    const SIZE: usize = std::mem::offset_of!(Header, size);
    const _: () = assert!(SIZE + 8 == SNAPSHOT_BEGIN);
    (word(0)? == snapshot::MAGIC).then(|| word(SIZE))?
}
