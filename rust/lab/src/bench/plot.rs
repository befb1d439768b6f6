// SPDX-License-Identifier: GPL-2.0

//! Picture of a column of the table: bars on a logarithmic axis.

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
/// Height of a row in pixels.
const HEIGHT: u32 = 34;
/// Space above and below all rows, for the title and the axis.
const MARGIN: u32 = 60;
/// Left end of the bars, and pixels per power of ten.
const LEFT: i32 = 260;
const DECADE: f64 = 140.0;

/// Draws the additional cost of a CPUID exit for each row.
pub fn draw(rows: &[(&str, i64)]) -> Result<String, Box<dyn std::error::Error>> {
    // plotters measures texts with this font. Registering it again fails harmlessly.
    let _ = register_font(FONT, FontStyle::Normal, dejavu::sans::regular());
    let height = 2 * MARGIN + HEIGHT * rows.len() as u32;
    let mut svg = String::new();
    {
        let sheet = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        sheet.fill(&WHITE)?;
        let text = |size: u32| (FONT, size).into_font().color(&BLACK);
        let title = "Instructions added to a CPUID exit";
        sheet.draw_text(title, &text(20), (20, 18))?;
        let centred = text(13).pos(Pos::new(HPos::Center, VPos::Top));
        let middle = LEFT + (1.5 * DECADE) as i32;
        let bottom = (height - MARGIN) as i32;
        let axis = "instructions per exit (logarithmic axis, from 1)";
        sheet.draw_text(axis, &centred, (middle, bottom + 26))?;
        for power in 0..4 {
            let x = LEFT + (f64::from(power) * DECADE) as i32;
            let line = [(x, MARGIN as i32 - 6), (x, bottom)];
            sheet.draw(&PathElement::new(line, RGBColor(225, 225, 225)))?;
            sheet.draw_text(&10_u32.pow(power).to_string(), &centred, (x, bottom + 6))?;
        }
        for (i, (title, more)) in rows.iter().enumerate() {
            let top = (MARGIN + HEIGHT * i as u32) as i32;
            let middle = top + HEIGHT as i32 / 2;
            let right = text(15).pos(Pos::new(HPos::Right, VPos::Center));
            sheet.draw_text(title, &right, (LEFT - 10, middle))?;
            // 0 has no place on a logarithmic axis: its bar has the minimum width.
            let end = ((*more).max(1) as f64).log10().mul_add(DECADE, LEFT.into()) as i32;
            let colour = if title.starts_with("exitstat") {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::{env, fs, path::Path};

    /// Returns the first table of docs/bench.md: the titles of its rows and their first column.
    fn documented(text: &str) -> Vec<(&str, i64)> {
        let rows = text.lines().filter_map(|line| {
            let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
            let title = cells.next()?;
            let added = cells.next()?.strip_prefix('+')?.parse().ok()?;
            Some((title, added))
        });
        let mut rows: Vec<_> = rows.collect();
        let last = rows
            .iter()
            .position(|(title, _)| *title == "bpftrace, counts and times");
        rows.truncate(last.map_or(0, |last| last + 1));
        rows
    }

    /// `EXITSTAT_UPDATE=1` redraws it.
    #[test]
    fn the_picture_in_docs_is_of_the_table_there() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        let text = fs::read_to_string(docs.join("bench.md")).unwrap();
        let rows = documented(&text);
        assert_eq!(rows.len(), 11, "{rows:?}");
        let svg = draw(&rows).unwrap();
        assert!(svg.contains("logarithmic axis"));
        let path = docs.join("bench.svg");
        if env::var_os("EXITSTAT_UPDATE").is_some() {
            fs::write(&path, &svg).unwrap();
        }
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            svg,
            "EXITSTAT_UPDATE=1 draws it anew"
        );
    }
}
