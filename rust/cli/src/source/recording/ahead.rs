// SPDX-License-Identifier: GPL-2.0

//! The bytes of a recording that come next, and which of them are frames.
//!
//! The next frame begins where the one before ends, if nothing is damaged. If it is not whole, each
//! byte after its first may begin the next one: that at which it says it ends, whatever its kind, and
//! any that looks like the head of a snapshot, a mark, a VM or the end. The checksum decides.
//!
//! A file that was made to keep a reader busy has many heads and no frames. So heads must be
//! plausible before a payload is looked at, and checksums in vain may cover only so many bytes for
//! each byte that was passed ([`Ahead::search`]). Memory grows by what is in the file, not by what
//! lengths say.

use super::{checksum, packed, Frame, END, MARK, PACKED, SNAPSHOT, VM};
use exitstat_core::snapshot::{self, Header};
use std::io::{self, Read};

/// Bytes before a payload.
pub const HEAD: usize = 12;

/// A payload that is no snapshot has at most so many bytes.
const MOST: u32 = 16 << 20;

/// A mark, VM or end that is searched for has at most so many.
const MOST_FOUND: u32 = 4 << 10;

/// Bytes that are searched at once.
const CHUNK: usize = 64 << 10;

/// Checksums in vain may cover so many bytes, and `PER_BYTE` more for each byte that was passed.
const IN_VAIN: i64 = 16 << 20;
const PER_BYTE: i64 = 2;

/// How a frame begins.
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

    /// Bytes of the frame.
    fn size(self) -> usize {
        HEAD + self.length as usize
    }
}

/// Bytes that were read, and what is left to be.
#[derive(Debug)]
pub struct Ahead<R> {
    input: R,
    bytes: Vec<u8>,
    /// Those before were passed.
    start: usize,
}

impl<R: Read> Ahead<R> {
    /// Of what is left of a file.
    pub fn new(input: R) -> Self {
        Self {
            input,
            bytes: Vec::new(),
            start: 0,
        }
    }

    /// Whether nothing comes.
    pub fn is_at_end(&mut self) -> io::Result<bool> {
        Ok(self.peek(1)?.is_empty())
    }

    /// Whether a whole frame comes next.
    pub fn has_frame(&mut self) -> io::Result<bool> {
        Ok(match self.plausible(true)? {
            Some(head) => self.is_whole(head)?,
            None => false,
        })
    }

    /// The whole frame that comes next; `None` if none does.
    pub fn take_frame(&mut self) -> io::Result<Option<Frame>> {
        let Some(head) = Head::read(self.peek(HEAD)?) else {
            return Ok(None);
        };
        self.peek(head.size())?;
        let payload = if self.start == 0 && self.bytes.len() == head.size() {
            // As always, unless something was searched for.
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

    /// Passes what comes next, which is not whole, up to the next frame that is. Returns how many
    /// bytes that were; `None` if there is none.
    pub fn search(&mut self) -> io::Result<Option<u64>> {
        let damaged = Head::read(self.peek(HEAD)?);
        // If only its payload is damaged, the next one begins here.
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

    /// The head of what could be a frame, and comes next: where one is expected, or anywhere.
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

    /// Whether the frame with this head, which comes next, is all there and as it was written.
    fn is_whole(&mut self, head: Head) -> io::Result<bool> {
        let frame = self.peek(head.size())?;
        let payload = frame.get(HEAD..).unwrap_or_default();
        Ok(frame.len() == head.size() && checksum(head.kind, payload) == head.sum)
    }

    /// So many of the bytes that come next, or all if they are fewer.
    fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        let there = self.bytes.len() - self.start;
        if let Some(missing) = count.checked_sub(there).filter(|&missing| missing > 0) {
            let mut input = self.input.by_ref().take(missing as u64);
            input.read_to_end(&mut self.bytes)?;
        }
        let next = &self.bytes[self.start..];
        Ok(&next[..count.min(next.len())])
    }

    /// Some of the bytes that come next: enough for a head, unless they end.
    fn window(&mut self) -> io::Result<&[u8]> {
        let there = self.bytes.len() - self.start;
        // Not a few each time, as bytes are passed one by one.
        self.peek(if there < HEAD {
            CHUNK
        } else {
            there.min(CHUNK)
        })
    }

    /// Passes so many bytes of those that were read.
    fn pass(&mut self, count: usize) {
        self.start = (self.start + count).min(self.bytes.len());
        // What is moved are fewer bytes than were passed.
        if self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }
}

/// Bytes of a snapshot that [`snapshot_size`] reads.
const SNAPSHOT_BEGIN: usize = 24;

/// What a snapshot that begins with these bytes says of its size; of any version, as each begins so.
fn snapshot_size(bytes: &[u8]) -> Option<u64> {
    let word = |at: usize| {
        let word = bytes.get(at..)?.first_chunk::<8>()?;
        Some(u64::from_le_bytes(*word))
    };
    const SIZE: usize = std::mem::offset_of!(Header, size);
    const _: () = assert!(SIZE + 8 == SNAPSHOT_BEGIN);
    (word(0)? == snapshot::MAGIC).then(|| word(SIZE))?
}
