// SPDX-License-Identifier: GPL-2.0

//! Finds by how much KASLR moved the guest's kernel.
//!
//! KASLR moves the image by a multiple of its alignment, which is 2 MiB or more, and keeps it within 1 GiB. So there are
//! 512 offsets at most, and each exit of the kernel's own is evidence: at the right offset its instruction pointer lies
//! in the image's text, and what is there can exit with the exit's reason. A vmlinux has the instruction itself. Names
//! have less: what exits with HLT is in a function for halting or idling, what writes the TSC deadline is in one of the
//! local APIC's.
//!
//! A wrong offset fits some exits by luck: of a place that exits of a reason came from, with the chance that is the part
//! of the text that fits the reason. At the right offset, a good part of the places fits: how many depends on how many
//! are in modules, and on how many functions have telling names. So an offset's evidence is a likelihood ratio: how much
//! more likely what fits is if a given part of the places does, than if they do by luck. Of a wrong offset its
//! expectation is 1, so it is L or more with a chance of 1/L at most (Markov), for any part; the average over several
//! parts has the same bound. An offset is believed if
//!
//! - no exit contradicts it: those that hit the image hit its text and, where the evidence is strict, nine in ten fit;
//! - the chance that any of the offsets would have such evidence by luck is below 1 in 100,000; and
//! - it is the only one.

use super::WAY_OUT;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

const STEP: u64 = 2 << 20;
const LARGEST: u64 = 1 << 30;
/// The largest chance that luck explains what is believed.
const CHANCE: f64 = 1e-5;
/// Parts of the places that may fit the right offset.
const PARTS: [f64; 3] = [0.5, 0.1, 0.02];

/// A place that exits of a reason came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// The basic exit reason.
    pub reason: u32,
    /// The instruction pointer.
    pub ip: u64,
}

/// What is known of the kernel's image, at addresses as linked.
pub trait Evidence {
    /// Where its text is, and maybe other things in between.
    fn image(&self) -> Range<u64>;
    /// Whether instructions are there.
    fn is_code(&self, address: u64) -> bool;
    /// Whether what is there can exit so; `None` if nothing can be said of such exits.
    fn fits(&self, point: Point, address: u64) -> Option<bool>;
    /// Which part of the text fits a reason.
    fn luck(&self, reason: u32) -> f64;
    /// Whether it is the instructions, and so each place is evidence of its own. Of names, neighbours have much in
    /// common: one place in each page counts.
    fn is_exact(&self) -> bool;
    /// Whether what does not fit contradicts.
    fn is_strict(&self, reason: u32) -> bool;
}

/// How well an offset fits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Fit {
    /// Points that fit.
    hits: usize,
    /// Points in the image.
    inside: usize,
    /// Those that it can be said of, and that hit the image, with strict evidence; and hits among them.
    strict: usize,
    strict_hits: usize,
    /// Points in the image, but not in its text.
    outside: usize,
    /// The logarithms of the likelihood ratios, for each of [`PARTS`].
    evidence: [f64; PARTS.len()],
}

impl Fit {
    fn contradicts(&self) -> bool {
        self.outside > 0 || self.strict_hits * 10 < self.strict * 9
    }
}

/// The points, and what can be said of them.
struct Search<'a, E> {
    evidence: &'a E,
    points: &'a [Point],
    /// Of each reason, the chance that a point fits a wrong offset.
    luck: BTreeMap<u32, f64>,
    /// The points that are evidence.
    counted: BTreeSet<Point>,
    /// How many points something can be said of.
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

    /// Of the image moved by an offset, which wraps.
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
            // Modules are elsewhere.
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

    /// Whether no luck explains a fit, of any of so many offsets.
    fn is_beyond_luck(&self, fit: &Fit, offsets: usize) -> bool {
        // The average of the ratios is at least a part of the largest.
        let largest = fit.evidence.iter().copied().fold(f64::MIN, f64::max);
        largest > (PARTS.len() as f64 * offsets as f64 / CHANCE).ln()
    }

    /// Offsets that are believable.
    fn believable(&self, offsets: &[u64]) -> Vec<u64> {
        let fits = offsets.iter().map(|&offset| (offset, self.fit(offset)));
        fits.filter(|(_, fit)| !fit.contradicts() && self.is_beyond_luck(fit, offsets.len()))
            .map(|(offset, _)| offset)
            .collect()
    }
}

/// The offset that points show.
pub fn find(evidence: &impl Evidence, points: &[Point]) -> Result<u64, String> {
    let search = Search::new(evidence, points);
    let end = evidence.image().end;
    let offsets: Vec<u64> = (0..LARGEST / STEP)
        .map(|n| n * STEP)
        // The image ends where modules begin, with KASLR.
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

/// Whether an offset that was given may be right.
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

/// Whether addresses that should be the running kernel's are.
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

/// Whether a function of this name can exit so; `None` if names say nothing of such exits.
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

/// Whether all functions that exit so have names that fit.
pub fn name_is_strict(reason: u32) -> bool {
    reason == 12
}
