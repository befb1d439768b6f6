// SPDX-License-Identifier: GPL-2.0

//! Search for the guest kernel's KASLR offset.
//!
//! KASLR moves the image by a multiple of its alignment, which is at least 2 MiB, and keeps it within 1
//! GiB. This leaves 512 offsets at most. Each exit from the kernel itself is evidence: at the correct
//! offset, its instruction pointer is in the image's text, and the code there can exit with the exit's
//! reason. A vmlinux has the instruction itself. Function names are weaker evidence: HLT exits come from
//! functions for halting or idling, writes of the TSC deadline from functions of the local APIC.
//!
//! A wrong offset matches some exits by chance. For a single place, the probability is the fraction of the
//! text that matches the exit reason. At the correct offset, a good part of the places matches. How many
//! depends on how many are in modules, and on how many functions have descriptive names. The evidence for
//! an offset is therefore a likelihood ratio: how much more likely the observed matches are if a given
//! fraction of the places matches than if they match by chance. For a wrong offset, its expected value is
//! 1, so it reaches L with probability 1/L at most (Markov's inequality), for any fraction. The average
//! over several fractions has the same bound. An offset is accepted if
//!
//! - no exit contradicts it: all exits in the image are in its text, and nine in ten of those with strict
//!   evidence match;
//! - the probability that any of the offsets has such evidence by chance is below 1 in 100,000; and
//! - no other offset satisfies these conditions.

use super::WAY_OUT;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

const STEP: u64 = 2 << 20;
const LARGEST: u64 = 1 << 30;
/// Maximum probability of accepting a chance match.
const CHANCE: f64 = 1e-5;
/// Hypothetical fractions of places that match at the correct offset.
const PARTS: [f64; 3] = [0.5, 0.1, 0.02];

/// Place that exits of a reason came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// The basic exit reason.
    pub reason: u32,
    /// The instruction pointer.
    pub ip: u64,
}

/// Knowledge of the kernel's image, at link addresses.
pub trait Evidence {
    /// Returns the range of its text, possibly with other sections in between.
    fn image(&self) -> Range<u64>;
    /// Returns whether an address has instructions.
    fn is_code(&self, address: u64) -> bool;
    /// Returns whether the code at an address can cause the exit; `None` if such exits allow no conclusion.
    fn fits(&self, point: Point, address: u64) -> Option<bool>;
    /// Returns the fraction of the text that matches a reason.
    fn luck(&self, reason: u32) -> f64;
    /// Returns whether the evidence is the instructions, so that each place counts. Adjacent names have
    /// much in common, so with names only one place per page counts.
    fn is_exact(&self) -> bool;
    /// Returns whether a mismatch is a contradiction.
    fn is_strict(&self, reason: u32) -> bool;
}

/// How well an offset matches.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Fit {
    /// Number of points that match.
    hits: usize,
    /// Number of points in the image.
    inside: usize,
    /// Number of points in the image's text with strict evidence, and of matches among them.
    strict: usize,
    strict_hits: usize,
    /// Number of points in the image but not in its text.
    outside: usize,
    /// Logarithms of the likelihood ratios, for each of [`PARTS`].
    evidence: [f64; PARTS.len()],
}

impl Fit {
    fn contradicts(&self) -> bool {
        self.outside > 0 || self.strict_hits * 10 < self.strict * 9
    }
}

/// The points, and the evidence they allow.
struct Search<'a, E> {
    evidence: &'a E,
    points: &'a [Point],
    /// Probability by reason that a point matches at a wrong offset.
    luck: BTreeMap<u32, f64>,
    /// Points that count as evidence.
    counted: BTreeSet<Point>,
    /// Number of points that allow a conclusion.
    testable: usize,
}

impl<'a, E: Evidence> Search<'a, E> {
    fn new(evidence: &'a E, points: &'a [Point]) -> Self {
        let mut luck = BTreeMap::new();
        let (mut counted, mut pages) = (BTreeSet::new(), BTreeSet::new());
        let mut testable = 0;
        for point in points {
            if evidence.fits(*point, 0).is_none() {
                continue;
            }
            testable += 1;
            luck.entry(point.reason)
                .or_insert_with(|| evidence.luck(point.reason).min(0.5));
            if evidence.is_exact() || pages.insert(point.ip / super::PAGE) {
                counted.insert(*point);
            }
        }
        Self {
            evidence,
            points,
            luck,
            counted,
            testable,
        }
    }

    /// Evaluates an offset of the image, with wraparound.
    fn fit(&self, offset: u64) -> Fit {
        let mut fit = Fit::default();
        let image = self.evidence.image();
        for point in self.points {
            let address = point.ip.wrapping_sub(offset);
            let hit = image.contains(&address) && self.evidence.fits(*point, address) == Some(true);
            let luck = self.luck.get(&point.reason);
            if let Some(luck) = luck.filter(|_| self.counted.contains(point)) {
                for (sum, part) in fit.evidence.iter_mut().zip(PARTS) {
                    *sum += match hit {
                        true => (part / luck).ln(),
                        false => ((1.0 - part) / (1.0 - luck)).ln(),
                    };
                }
            }
            // Modules are outside the image.
            if !image.contains(&address) {
                continue;
            }
            fit.inside += 1;
            if !self.evidence.is_code(address) {
                fit.outside += 1;
                continue;
            }
            fit.hits += usize::from(hit);
            if luck.is_some() && self.evidence.is_strict(point.reason) {
                fit.strict += 1;
                fit.strict_hits += usize::from(hit);
            }
        }
        fit
    }

    /// Returns whether a match is too good to be chance, given the number of offsets tried.
    fn is_beyond_luck(&self, fit: &Fit, offsets: usize) -> bool {
        // The average of the ratios is at least the largest divided by their number.
        let largest = fit.evidence.iter().copied().fold(f64::MIN, f64::max);
        largest > (PARTS.len() as f64 * offsets as f64 / CHANCE).ln()
    }

    /// Returns the offsets that are accepted.
    fn believable(&self, offsets: &[u64]) -> Vec<u64> {
        let fits = offsets.iter().map(|&offset| (offset, self.fit(offset)));
        fits.filter(|(_, fit)| !fit.contradicts() && self.is_beyond_luck(fit, offsets.len()))
            .map(|(offset, _)| offset)
            .collect()
    }
}

/// Determines the offset from the points.
pub fn find(evidence: &impl Evidence, points: &[Point]) -> Result<u64, String> {
    let search = Search::new(evidence, points);
    let end = evidence.image().end;
    let offsets: Vec<u64> = (0..LARGEST / STEP)
        .map(|n| n * STEP)
        // With KASLR, the image ends where the modules begin.
        .filter(|offset| {
            end.checked_add(*offset)
                .is_some_and(|end| end <= super::KERNEL + LARGEST)
        })
        .collect();
    match search.believable(&offsets)[..] {
        [offset] => Ok(offset),
        [] => {
            let best = offsets.iter().map(|&offset| search.fit(offset));
            let best = best.max_by_key(|fit| fit.hits).unwrap_or_default();
            Err(format!(
                "cannot determine the KASLR offset: at the best one, the symbols match {} of {} captured \
                 instructions.\nEither the symbols belong to another kernel, or too few exits were captured. {WAY_OUT}",
                best.hits, search.testable
            ))
        }
        [first, second, ..] => Err(format!(
            "the KASLR offset is ambiguous: {first:#x} and {second:#x} both match the captured exits. {WAY_OUT}"
        )),
    }
}

/// Checks that a given offset is plausible.
pub fn check_given(evidence: &impl Evidence, offset: u64, points: &[Point]) -> Result<(), String> {
    if offset % STEP != 0 || offset >= LARGEST {
        return Err(format!(
            "--kaslr {offset:#x}: the offset must be a multiple of {STEP:#x}, less than {LARGEST:#x}"
        ));
    }
    let fit = Search::new(evidence, points).fit(offset);
    let nowhere = fit.inside == 0 && !points.is_empty();
    if nowhere || fit.outside > 0 || fit.strict_hits * 2 < fit.strict {
        return Err(format!(
            "--kaslr {offset:#x} contradicts the captured exits: of {} kernel instructions, {} are in the image, {} \
             of these outside its text; of {} whose opcode is known, {} match. Either the offset is wrong, or the \
             symbols belong to another kernel",
            points.len(),
            fit.inside,
            fit.outside,
            fit.strict,
            fit.strict_hits
        ));
    }
    Ok(())
}

/// Checks that addresses are those of the running kernel.
pub fn check(evidence: &impl Evidence, points: &[Point]) -> Result<(), String> {
    let search = Search::new(evidence, points);
    let steps = LARGEST / STEP;
    let offsets: Vec<u64> = (0..steps)
        .map(|n| n * STEP)
        .chain((1..steps).map(|n| (n * STEP).wrapping_neg()))
        .collect();
    let others = search.believable(&offsets);
    let elsewhere = !others.is_empty() && !others.contains(&0);
    if elsewhere || search.fit(0).contradicts() {
        return Err(
            "this copy of /proc/kallsyms does not match the captured exits: the guest has rebooted, or the copy comes \
             from another guest. Copy it again"
                .to_owned(),
        );
    }
    Ok(())
}

/// Returns whether a function with this name can cause the exit; `None` if names allow no conclusion for
/// its reason.
pub fn name_fits(reason: u32, name: &str) -> Option<bool> {
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    Some(match reason {
        10 => has(&["cpuid"]),
        12 => has(&["halt", "idle", "play_dead", "stop_this_cpu"]),
        18 => has(&["hypercall", "kvm_", "send_ipi"]),
        28 => has(&["_cr0", "_cr3", "_cr4", "switch_mm", "flush_tlb"]),
        30 => has(&[
            "serial_in",
            "serial_out",
            "inb",
            "outb",
            "pci_conf",
            "ioread",
            "iowrite",
            "_port",
            "pit_",
            "8259",
            "acpi_pm",
            "cmos",
            "vgacon",
            "i8042",
        ]),
        31 | 32 => has(&["msr", "apic", "lapic", "kvmclock", "kvm_"]),
        55 => has(&["xsetbv", "xcr", "fpu", "xstate"]),
        _ => return None,
    })
}

/// Returns whether all functions that cause the exit have matching names.
pub fn name_is_strict(reason: u32) -> bool {
    reason == 12
}
