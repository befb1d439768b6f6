// SPDX-License-Identifier: GPL-2.0

//! Colours of exit reasons. A reason has the same colour in every picture.
//!
//! Equivalent reasons of Intel and AMD share a colour. The colours are distinct in normal vision and in the
//! two common kinds of colour blindness, and contrast with the backgrounds of both themes; tests verify
//! this.

use crate::reason::Reason;
use exitstat_core::isa::Isa;
use plotters::style::RGBColor;

/// Colours of frequent reasons.
const FREQUENT: [RGBColor; 14] = [
    RGBColor(175, 63, 13),
    RGBColor(60, 64, 192),
    RGBColor(6, 174, 92),
    RGBColor(237, 181, 222),
    RGBColor(26, 172, 255),
    RGBColor(224, 199, 2),
    RGBColor(88, 83, 60),
    RGBColor(124, 58, 109),
    RGBColor(92, 30, 253),
    RGBColor(170, 208, 96),
    RGBColor(255, 181, 156),
    RGBColor(83, 155, 146),
    RGBColor(201, 132, 0),
    RGBColor(48, 86, 161),
];

/// Colours of rare reasons, which are assigned by number.
const RARE: [RGBColor; 4] = [
    RGBColor(176, 150, 120),
    RGBColor(120, 140, 110),
    RGBColor(160, 120, 150),
    RGBColor(105, 125, 150),
];

/// Colour of several reasons combined.
pub const OTHERS: RGBColor = RGBColor(140, 140, 140);

/// Returns the colour of a reason.
pub fn of(reason: Reason) -> RGBColor {
    match frequent(reason) {
        Some(place) => FREQUENT[place],
        None => RARE[reason.number as usize % RARE.len()],
    }
}

/// Returns the index of a frequent reason in [`FREQUENT`].
fn frequent(reason: Reason) -> Option<usize> {
    Some(match (reason.isa, reason.number) {
        // EPT_VIOLATION, NPF
        (Isa::Vmx, 48) | (Isa::Svm, 0x400) => 0,
        // IO_INSTRUCTION, IOIO
        (Isa::Vmx, 30) | (Isa::Svm, 0x7b) => 1,
        // EXTERNAL_INTERRUPT, INTR
        (Isa::Vmx, 1) | (Isa::Svm, 0x60) => 2,
        // MSR_WRITE, MSR
        (Isa::Vmx, 32) | (Isa::Svm, 0x7c) => 3,
        // PREEMPTION_TIMER
        (Isa::Vmx, 52) => 4,
        // HLT
        (Isa::Vmx, 12) | (Isa::Svm, 0x78) => 5,
        // INTERRUPT_WINDOW, VINTR
        (Isa::Vmx, 7) | (Isa::Svm, 0x64) => 6,
        // CPUID
        (Isa::Vmx, 10) | (Isa::Svm, 0x72) => 7,
        // EPT_MISCONFIG, AVIC_INCOMPLETE_IPI
        (Isa::Vmx, 49) | (Isa::Svm, 0x401) => 8,
        // PAUSE_INSTRUCTION, PAUSE
        (Isa::Vmx, 40) | (Isa::Svm, 0x77) => 9,
        // MSR_READ
        (Isa::Vmx, 31) => 10,
        // CR_ACCESS, CRn_READ, CRn_WRITE, CR0_SEL_WRITE
        (Isa::Vmx, 28) | (Isa::Svm, 0x00..0x20 | 0x65) => 11,
        // VMCALL, VMMCALL
        (Isa::Vmx, 18) | (Isa::Svm, 0x81) => 12,
        // APIC_WRITE, AVIC_NOACCEL
        (Isa::Vmx, 56) | (Isa::Svm, 0x402) => 13,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{super::theme, *};

    /// Matrices for linear RGB: normal vision, and Machado's for protanopia and deuteranopia.
    const VISIONS: [[[f64; 3]; 3]; 3] = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
    ];

    fn linear(colour: RGBColor) -> [f64; 3] {
        [colour.0, colour.1, colour.2].map(|part| match f64::from(part) / 255.0 {
            c if c <= 0.04045 => c / 12.92,
            c => ((c + 0.055) / 1.055).powf(2.4),
        })
    }

    fn product(matrix: [[f64; 3]; 3], vector: [f64; 3]) -> [f64; 3] {
        matrix.map(|row| row.iter().zip(vector).map(|(m, v)| m * v).sum())
    }

    /// Returns a colour's CIE L*a*b* coordinates, as seen with a kind of vision.
    fn lab(colour: RGBColor, vision: [[f64; 3]; 3]) -> [f64; 3] {
        let seen = product(vision, linear(colour)).map(|part| part.clamp(0.0, 1.0));
        let xyz = product(
            [
                [0.4124, 0.3576, 0.1805],
                [0.2126, 0.7152, 0.0722],
                [0.0193, 0.1192, 0.9505],
            ],
            seen,
        );
        let f = |t: f64| match t {
            t if t > 0.008_856 => t.cbrt(),
            t => 7.787 * t + 16.0 / 116.0,
        };
        let (x, y, z) = (f(xyz[0] / 0.9505), f(xyz[1]), f(xyz[2] / 1.089));
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    fn difference(a: RGBColor, b: RGBColor) -> f64 {
        let seen = VISIONS.map(|vision| {
            let parts = lab(a, vision).into_iter().zip(lab(b, vision));
            parts.map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
        });
        seen.into_iter().fold(f64::INFINITY, f64::min)
    }

    fn contrast(a: RGBColor, b: RGBColor) -> f64 {
        let luminance = |colour| {
            let [r, g, b] = linear(colour);
            0.2126 * r + 0.7152 * g + 0.0722 * b
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn frequent_reasons_can_be_told_apart_by_everybody() {
        for (i, &a) in FREQUENT.iter().enumerate() {
            for (j, &b) in FREQUENT.iter().enumerate().take(i) {
                let enough = if i < 9 { 27.0 } else { 21.0 };
                let difference = difference(a, b);
                assert!(difference > enough, "{i} {j} {difference}");
            }
        }
    }

    #[test]
    fn colours_stand_out_from_both_pages() {
        for colour in FREQUENT.into_iter().chain(RARE).chain([OTHERS]) {
            for page in [theme::LIGHT.page, theme::DARK.page] {
                let contrast = contrast(colour, page);
                assert!(contrast > 1.65, "{colour:?} {page:?} {contrast}");
            }
        }
        for theme in [theme::LIGHT, theme::DARK] {
            assert!(contrast(theme.text, theme.page) > 12.0);
            assert!(contrast(theme.line, theme.page) > 4.5);
        }
    }

    #[test]
    fn each_reason_has_its_own_colour() {
        let vmx = |number| of(Reason::vmx(number));
        assert_eq!(vmx(48), of(Reason::svm(0x400)));
        assert_eq!(vmx(12), of(Reason::svm(0x78)));
        // The number 48 exists for both, as different reasons.
        assert_ne!(vmx(48), of(Reason::svm(48)));
        let mut places: Vec<_> = Reason::all(Isa::Vmx).filter_map(frequent).collect();
        places.sort_unstable();
        assert!(places.iter().copied().eq(0..FREQUENT.len()), "{places:?}");
    }
}
