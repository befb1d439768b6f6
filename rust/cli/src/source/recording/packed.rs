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
//! Each snapshot is compressed separately, so a damaged one does not affect the others.

use flate2::{read::ZlibDecoder, write::ZlibEncoder, Compression};
use std::io::{self, Read, Write};

const MAGIC: &[u8; 8] = b"exit-zip";

/// Number of bytes before the compressed ones.
const HEAD: usize = 24;

/// Largest expansion of Deflate. A size beyond it is wrong, and is not allocated.
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

/// Decompresses a snapshot; `None` if it is invalid.
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
    // One byte more, to detect a snapshot that is too long.
    let mut decoder = ZlibDecoder::new(rest).take(length + 1);
    decoder.read_to_end(&mut snapshot).ok()?;
    (snapshot.len() as u64 == length).then_some(snapshot)
}

/// Returns the size that a payload's first bytes claim; `None` if they do not begin a compressed snapshot.
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
