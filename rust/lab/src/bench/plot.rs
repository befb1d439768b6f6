// SPDX-License-Identifier: GPL-2.0

//! The table as a picture: bars, on a logarithmic scale.

use super::measured::Measured;
use plotters::{
    prelude::*,
    style::{
        register_font,
        text_anchor::{HPos, Pos, VPos},
        FontStyle,
    },
};

const FONT: &str = "sans-serif";
const WIDTH: u32 = 900;
/// Of a row, and of what is above and below all rows.
const HEIGHT: u32 = 34;
const MARGIN: u32 = 60;
/// Where bars begin, and how many pixels are a power of ten.
const LEFT: i32 = 260;
const DECADE: f64 = 140.0;

/// What each row adds to a CPUID exit.
pub fn draw(measured: &Measured) -> Result<String, Box<dyn std::error::Error>> {
    // Texts are measured by it. The second time it is there already.
    let _ = register_font(FONT, FontStyle::Normal, dejavu::sans::regular());
    let rows: Vec<(&str, i64)> = measured.rows[1..]
        .iter()
        .filter_map(|&(row, title)| Some((title, measured.more("cpuid", row)?)))
        .collect();
    let height = 2 * MARGIN + HEIGHT * rows.len() as u32;
    let mut svg = String::new();
    {
        let sheet = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        sheet.fill(&WHITE)?;
        let text = |size: u32| (FONT, size).into_font().color(&BLACK);
        let title = "Instructions that each adds to a CPUID exit";
        sheet.draw_text(title, &text(20), (20, 18))?;
        for power in 0..4 {
            let x = LEFT + (f64::from(power) * DECADE) as i32;
            let bottom = (height - MARGIN) as i32;
            let line = [(x, MARGIN as i32 - 6), (x, bottom)];
            sheet.draw(&PathElement::new(line, RGBColor(225, 225, 225)))?;
            let centred = text(13).pos(Pos::new(HPos::Center, VPos::Top));
            sheet.draw_text(&10_u32.pow(power).to_string(), &centred, (x, bottom + 6))?;
        }
        for (i, (title, more)) in rows.iter().enumerate() {
            let top = (MARGIN + HEIGHT * i as u32) as i32;
            let middle = top + HEIGHT as i32 / 2;
            let right = text(15).pos(Pos::new(HPos::Right, VPos::Center));
            sheet.draw_text(title, &right, (LEFT - 10, middle))?;
            let end = ((*more).max(1) as f64).log10().mul_add(DECADE, LEFT.into()) as i32;
            let colour = if *title == "exitstat" {
                RGBColor(242, 142, 43)
            } else {
                RGBColor(78, 121, 167)
            };
            let corners = [
                (LEFT, top + 5),
                (end.max(LEFT + 2), top + HEIGHT as i32 - 5),
            ];
            sheet.draw(&Rectangle::new(corners, colour.filled()))?;
            let left = text(14).pos(Pos::new(HPos::Left, VPos::Center));
            sheet.draw_text(&more.to_string(), &left, (end.max(LEFT) + 8, middle))?;
        }
        sheet.present()?;
    }
    Ok(svg)
}
