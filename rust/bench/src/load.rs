// SPDX-License-Identifier: GPL-2.0

//! Exits to record.

/// Reasons that guests take: as many as the lab's guests do, and two more.
pub const REASONS: [u32; 20] = [
    0, 1, 7, 10, 12, 18, 28, 29, 30, 31, 32, 40, 43, 44, 45, 48, 49, 52, 54, 55,
];

/// A power of two, to avoid a division in the loop.
const EXITS: usize = 1024;

/// An exit, also defined in `c/whole_exit.c`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Exit {
    reason: u64,
    cycles: i64,
}

/// A repeated sequence of exits for all [`REASONS`], in random order. They took from 512 to about
/// 500,000 cycles, with short ones more frequent than long ones.
#[derive(Debug)]
pub struct Load([Exit; EXITS]);

impl Default for Load {
    fn default() -> Self {
        // Knuth's 64-bit generator, with the same seed each time.
        let mut state = 0u64;
        let mut random = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        Self(core::array::from_fn(|number| {
            let reason = match REASONS.get(number) {
                Some(&each_once) => each_once,
                None => REASONS[random() as usize % REASONS.len()],
            };
            let longer = (random() % 11).min(random() % 11);
            Exit {
                reason: reason.into(),
                cycles: ((512 << longer) + random() % 512) as i64,
            }
        }))
    }
}

impl Load {
    /// Length of the sequence.
    pub const EXITS: u64 = EXITS as u64;

    /// Returns the reason and cycles of the exit with this number.
    #[inline(always)]
    #[must_use]
    pub fn exit(&self, number: u64) -> (u64, i64) {
        let Exit { reason, cycles } = self.0[number as usize % EXITS];
        (reason, cycles)
    }

    /// Returns all exits.
    pub(crate) fn exits(&self) -> &[Exit; EXITS] {
        &self.0
    }
}
