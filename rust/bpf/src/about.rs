// SPDX-License-Identifier: GPL-2.0

//! Description of the counters. Part of it is written into the programs, and all of it is kept
//! beside the counters for whoever finds them pinned.

use crate::kernel::{Loaded, Offsets};
use exitstat_core::isa::Isa;

/// Description of the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// A number that differs each time.
    pub load: u64,
    /// The module for which `offsets` are valid.
    pub module: Option<Loaded>,
    pub isa: Isa,
    pub counts_only: bool,
    pub off_cpu: bool,
    pub cpus: u32,
    pub rows: u32,
    pub offsets: Offsets,
}

/// As in `layout.h`: two 64-bit numbers and ten 32-bit ones.
pub const SIZE: usize = 2 * 8 + 10 * 4;

impl About {
    pub fn bytes(&self) -> [u8; SIZE] {
        let module = self.module.map_or(0, |module| module.0);
        let longs = [self.load, module].map(u64::to_ne_bytes);
        let flags = u32::from(self.counts_only) | u32::from(self.off_cpu) << 1;
        let o = &self.offsets;
        let words = [
            self.isa as u32,
            flags,
            self.cpus,
            self.rows,
            o.reason,
            o.vmcb,
            o.exit_code,
            o.vcpu_id,
            o.notifier,
            0,
        ]
        .map(u32::to_ne_bytes);
        let mut bytes = [0; SIZE];
        let all = longs.as_flattened().iter().chain(words.as_flattened());
        for (to, from) in bytes.iter_mut().zip(all) {
            *to = *from;
        }
        bytes
    }

    /// Returns the placeholders in `layout.h`, each with its value.
    fn places(&self) -> [(u32, u32); 7] {
        [
            (0x5eed_1110, self.cpus.saturating_sub(1)),
            (0x5eed_2220, self.rows.saturating_sub(1)),
            (0x5eed_3330, self.offsets.reason),
            (0x5eed_4440, self.offsets.vmcb),
            (0x5eed_5550, self.offsets.exit_code),
            (0x5eed_6660, self.offsets.vcpu_id),
            (0x5eed_7770, self.offsets.notifier),
        ]
    }

    /// Returns the compiled programs with the placeholders replaced.
    pub fn tell(&self, object: &[u8]) -> Vec<u8> {
        let mut told = object.to_vec();
        for word in told.chunks_exact_mut(4) {
            let number = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
            for (place, value) in self.places() {
                // The compiler may compile `x <= n` as `x < n + 1`, and add where it would
                // subtract.
                let more = number.wrapping_sub(place);
                let less = number.wrapping_add(place);
                let near = |number: u32| matches!(number as i32, -1..=1);
                let new = match (near(more), near(less)) {
                    (true, _) => value.wrapping_add(more),
                    (_, true) => less.wrapping_sub(value),
                    _ => continue,
                };
                word.copy_from_slice(&new.to_le_bytes());
            }
        }
        told
    }

    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let long = |at| Some(u64::from_ne_bytes(*bytes.get(at..)?.first_chunk()?));
        let word = |n: usize| {
            let bytes = bytes.get(16 + 4 * n..)?.first_chunk()?;
            Some(u32::from_ne_bytes(*bytes))
        };
        let flags = word(1)?;
        Some(Self {
            load: long(0)?,
            module: Some(long(8)?).filter(|&n| n != 0).map(Loaded),
            isa: match word(0)? {
                1 => Isa::Vmx,
                2 => Isa::Svm,
                _ => return None,
            },
            counts_only: flags & 1 != 0,
            off_cpu: flags & 2 != 0,
            cpus: word(2)?,
            rows: word(3)?,
            offsets: Offsets {
                reason: word(4)?,
                vmcb: word(5)?,
                exit_code: word(6)?,
                vcpu_id: word(7)?,
                notifier: word(8)?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let about = About {
            load: 1 << 40,
            module: Some(Loaded(7)),
            isa: Isa::Svm,
            counts_only: false,
            off_cpu: true,
            cpus: 3,
            rows: 300,
            offsets: Offsets {
                reason: 1,
                vmcb: 2,
                exit_code: 3,
                vcpu_id: 4,
                notifier: 5,
            },
        };
        assert_eq!(About::parse(&about.bytes()), Some(about));
        let other = About {
            module: None,
            isa: Isa::Vmx,
            counts_only: true,
            ..about
        };
        assert_eq!(About::parse(&other.bytes()), Some(other));
        assert_eq!(About::parse(&about.bytes()[..SIZE - 8]), None);
        assert_eq!(About::parse(&[0; SIZE]), None);
    }
}
