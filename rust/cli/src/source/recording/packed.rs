// SPDX-License-Identifier: GPL-2.0

//! Compressed snapshots.
//!
//! | bytes | |
//! |---|---|
//! | 8 | `exit-zip` |
//! | 8 | the snapshot's size |
//! | 8 | the size of all of this |
//! | the rest | the snapshot, by zlib |
//!
//! Each is compressed by itself, so one that is damaged costs no other.

use flate2::{read::ZlibDecoder, write::ZlibEncoder, Compression};
use std::io::{self, Read, Write};

const MAGIC: &[u8; 8] = b"exit-zip";

/// Bytes before the compressed ones.
const HEAD: usize = 24;

/// Deflate makes at most so many bytes of one. A size beyond that is wrong, and takes no memory.
const MOST_PER_BYTE: u64 = 1032;

/// The fastest level. Level 6 makes the snapshots in docs/report 10 to 26 % smaller.
const LEVEL: u32 = 1;

/// Compresses a snapshot; `None` if that would not make it smaller.
pub fn pack(snapshot: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let mut packed = MAGIC.to_vec();
    packed.extend((snapshot.len() as u64).to_le_bytes());
    packed.extend([0; 8]);
    let mut encoder = ZlibEncoder::new(packed, Compression::new(LEVEL));
    encoder.write_all(snapshot)?;
    let mut packed = encoder.finish()?;
    let size = packed.len() as u64;
    packed[HEAD - 8..HEAD].copy_from_slice(&size.to_le_bytes());
    Ok((packed.len() < snapshot.len()).then_some(packed))
}

/// The snapshot; `None` if this is none.
pub fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let (head, rest) = packed.split_first_chunk::<HEAD>()?;
    if size(head)? != packed.len() as u64 {
        return None;
    }
    let length = word(head, 8)?;
    if length > MOST_PER_BYTE.checked_mul(rest.len() as u64)? {
        return None;
    }
    let mut snapshot = Vec::with_capacity(length.try_into().ok()?);
    // One more, as longer is as wrong as shorter.
    let mut decoder = ZlibDecoder::new(rest).take(length + 1);
    decoder.read_to_end(&mut snapshot).ok()?;
    (snapshot.len() as u64 == length).then_some(snapshot)
}

/// What a payload that begins with these bytes says of its own size; `None` if it is no compressed
/// snapshot.
pub fn size(begin: &[u8]) -> Option<u64> {
    (begin.first_chunk::<8>()? == MAGIC).then(|| word(begin, 16))?
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let word = bytes.get(at..)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    #[test]
    fn a_wrong_size_is_no_snapshot() {
        let packed = pack(&[7; 5000]).unwrap().unwrap();
        assert_eq!(unpack(&packed).unwrap(), [7; 5000]);
        for length in [0, 4999, 5001, 1 << 40, u64::MAX] {
            let mut wrong = packed.clone();
            wrong[8..16].copy_from_slice(&u64::to_le_bytes(length));
            assert_eq!(unpack(&wrong), None, "{length}");
        }
        for end in 0..packed.len() {
            assert_eq!(unpack(&packed[..end]), None, "{end}");
        }
    }

    #[test]
    fn what_does_not_get_smaller_is_not_packed() {
        assert_eq!(pack(b"").unwrap(), None);
        assert_eq!(pack(b"exitstat").unwrap(), None);
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(bytes in vec(0u8..4, 0..3000), other in vec(any::<u8>(), 0..100)) {
            if let Some(packed) = pack(&bytes).unwrap() {
                prop_assert_eq!(size(&packed), Some(packed.len() as u64));
                prop_assert_eq!(unpack(&packed), Some(bytes));
            }
            let mut any = MAGIC.to_vec();
            any.extend(other);
            let _ = unpack(&any);
        }
    }
}
