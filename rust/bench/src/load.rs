// SPDX-License-Identifier: GPL-2.0

//! Exits to be recorded.

/// Reasons that guests take: as many as the lab's guests do, and two more.
pub const REASONS: [u32; 20] = [
    0, 1, 7, 10, 12, 18, 28, 29, 30, 31, 32, 40, 43, 44, 45, 48, 49, 52, 54, 55,
];

/// A power of two, so that there is no division in the loop.
const EXITS: usize = 1024;

/// An exit, as `c/whole_exit.c` has it too.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Exit {
    reason: u64,
    cycles: i64,
}

/// Exits that come again and again: of all of [`REASONS`], in no order, that took from 512 cycles
/// to some 500,000, short ones more often than long ones.
#[derive(Debug)]
pub struct Load([Exit; EXITS]);

impl Default for Load {
    fn default() -> Self {
        // Knuth's generator for 64 bits; the same each time.
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
    /// How many there are before they begin again.
    pub const EXITS: u64 = EXITS as u64;

    /// The exit of this number: its reason and its cycles.
    #[inline(always)]
    #[must_use]
    pub fn exit(&self, number: u64) -> (u64, i64) {
        let Exit { reason, cycles } = self.0[number as usize % EXITS];
        (reason, cycles)
    }

    /// All of them.
    pub(crate) fn exits(&self) -> &[Exit; EXITS] {
        &self.0
    }
}
