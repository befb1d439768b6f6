// SPDX-License-Identifier: GPL-2.0

//! What all pictures have in common: format, font, colours, numbers.

use crate::error::Error;
use plotters::{
    chart::MeshStyle,
    coord::ranged1d::ValueFormatter,
    prelude::*,
    style::{register_font, FontStyle},
};
use resvg::{
    tiny_skia::{Pixmap, Transform},
    usvg::{Options, Tree},
};
use std::{path::Path, sync::Arc};

/// Size of a picture. A PNG has more pixels.
pub const SIZE: (u32, u32) = (1100, 560);

/// Pixels of a PNG for one unit of the SVG.
const SCALE: f32 = 2.0;

/// The font's name in SVGs. Who shows them takes a font of their own for it.
const FONT: &str = "sans-serif";

/// Colours that differ in lightness as well, the common ones first.
const COLOURS: [RGBColor; 10] = [
    RGBColor(78, 121, 167),
    RGBColor(242, 142, 43),
    RGBColor(89, 161, 79),
    RGBColor(225, 87, 89),
    RGBColor(118, 183, 178),
    RGBColor(237, 201, 72),
    RGBColor(176, 122, 161),
    RGBColor(156, 117, 95),
    RGBColor(255, 157, 167),
    RGBColor(40, 60, 100),
];

/// Of what has no colour of its own.
pub const OTHERS: RGBColor = RGBColor(186, 176, 172);

/// How many have.
pub const COLOURED: usize = COLOURS.len();

/// Of lines and of small texts.
pub const GREY: RGBColor = RGBColor(90, 90, 90);

/// Of a grid.
pub const FAINT: RGBColor = RGBColor(225, 225, 225);

/// The colour of the nth.
pub fn colour(n: usize) -> RGBColor {
    COLOURS.get(n).copied().unwrap_or(OTHERS)
}

/// What a picture can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Scalable.
    Svg,
    /// Pixels.
    Png,
}

impl Format {
    /// By a file's name.
    ///
    /// # Errors
    ///
    /// It tells none.
    pub fn of(file: &Path) -> Result<Self, Error> {
        let extension = file.extension().unwrap_or_default().to_ascii_lowercase();
        match extension.to_str() {
            Some("svg") => Ok(Self::Svg),
            Some("png") => Ok(Self::Png),
            _ => Err(Error::Usage(format!(
                "{}: a file to draw is called NAME.svg or NAME.png",
                file.display()
            ))),
        }
    }
}

/// Draws on an empty sheet, which becomes an SVG.
///
/// # Errors
///
/// As of `draw`.
pub fn draw(
    height: u32,
    draw: impl FnOnce(&DrawingArea<SVGBackend<'_>, plotters::coord::Shift>) -> Drawn,
) -> Result<String, Failed> {
    // Texts are measured by it. The second time it is there already.
    let _ = register_font(FONT, FontStyle::Normal, dejavu::sans::regular());
    let mut svg = String::new();
    {
        let sheet = SVGBackend::with_string(&mut svg, (SIZE.0, height)).into_drawing_area();
        sheet.fill(&WHITE)?;
        draw(&sheet)?;
        sheet.present()?;
    }
    Ok(svg)
}

/// Why nothing was drawn.
pub type Failed = Box<dyn std::error::Error>;

/// Whether it was.
pub type Drawn = Result<(), Failed>;

/// A text's style.
pub fn text(size: u32) -> TextStyle<'static> {
    (FONT, size).into_font().color(&BLACK)
}

/// How axes and grid look: horizontal lines, and those faint.
pub fn plain<'c, 'a, 'b, X, Y, B>(
    mesh: &'c mut MeshStyle<'a, 'b, X, Y, B>,
) -> &'c mut MeshStyle<'a, 'b, X, Y, B>
where
    X: Ranged + ValueFormatter<X::ValueType>,
    Y: Ranged + ValueFormatter<Y::ValueType>,
    B: DrawingBackend,
{
    mesh.disable_x_mesh()
        .light_line_style(WHITE.mix(0.0))
        .bold_line_style(FAINT)
        .axis_style(GREY)
        .label_style(text(14))
        .axis_desc_style(text(15))
}

/// Makes pixels of an SVG, with a font that is in this program.
///
/// # Errors
///
/// It is no SVG.
pub fn png(svg: &str) -> Result<Vec<u8>, Error> {
    let failed = |why: &dyn std::fmt::Display| Error::Failed(format!("cannot draw: {why}"));
    let mut options = Options::default();
    let fonts = Arc::make_mut(&mut options.fontdb);
    fonts.load_font_data(dejavu::sans::regular().to_vec());
    fonts.set_sans_serif_family("DejaVu Sans");
    let tree = Tree::from_str(svg, &options).map_err(|why| failed(&why))?;
    let size = tree.size().to_int_size().scale_by(SCALE);
    let pixels = size.and_then(|size| Pixmap::new(size.width(), size.height()));
    let mut pixels = pixels.ok_or_else(|| failed(&"no memory"))?;
    resvg::render(
        &tree,
        Transform::from_scale(SCALE, SCALE),
        &mut pixels.as_mut(),
    );
    pixels.encode_png().map_err(|why| failed(&why))
}

/// A number in three digits or so.
pub fn number(number: f64) -> String {
    match number {
        n if n >= 1e9 => format!("{}G", digits(n / 1e9)),
        n if n >= 1e6 => format!("{}M", digits(n / 1e6)),
        n if n >= 1e4 => format!("{}k", digits(n / 1e3)),
        n if n.fract() == 0.0 => format!("{n:.0}"),
        n => digits(n),
    }
}

/// Labels of an axis that ends there, all of the same unit.
pub fn axis(most: f64) -> impl Fn(&f64) -> String {
    let (unit, name) = match most {
        n if n >= 1e9 => (1e9, "G"),
        n if n >= 1e6 => (1e6, "M"),
        n if n >= 1e4 => (1e3, "k"),
        _ => (1.0, ""),
    };
    move |&number| match digits(number / unit).as_str() {
        "0" => "0".to_owned(),
        digits => format!("{digits}{name}"),
    }
}

/// A time, with its unit.
pub fn seconds(seconds: f64) -> String {
    match seconds {
        0.0 => "0".to_owned(),
        s if s < 1e-6 => format!("{} ns", digits(s * 1e9)),
        s if s < 1e-3 => format!("{} µs", digits(s * 1e6)),
        s if s < 1.0 => format!("{} ms", digits(s * 1e3)),
        s => format!("{} s", digits(s)),
    }
}

fn digits(number: f64) -> String {
    let places = match number {
        n if n < 10.0 => 2,
        n if n < 100.0 => 1,
        _ => 0,
    };
    let text = format!("{number:.places$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_tell_formats() {
        for (name, format) in [("a.svg", Format::Svg), ("b/c.d.PNG", Format::Png)] {
            assert_eq!(Format::of(Path::new(name)).ok(), Some(format), "{name}");
        }
        for name in ["a.pdf", "svg", "", "a.svg/"] {
            let format = Format::of(Path::new(name));
            assert_eq!(format.is_ok(), name == "a.svg/", "{name}");
        }
    }

    #[test]
    fn labels_of_an_axis_have_one_unit() {
        let labels = |most, numbers: [f64; 3]| numbers.map(|n| axis(most)(&n));
        assert_eq!(
            labels(16_000.0, [0.0, 8000.0, 16_000.0]),
            ["0", "8k", "16k"]
        );
        assert_eq!(labels(3.0, [0.0, 0.5, 3.0]), ["0", "0.5", "3"]);
    }

    #[test]
    fn numbers_are_short() {
        for (n, text) in [
            (0.0, "0"),
            (0.5, "0.5"),
            (999.0, "999"),
            (9999.0, "9999"),
            (12_345.0, "12.3k"),
            (2e6, "2M"),
            (3.25e9, "3.25G"),
        ] {
            assert_eq!(number(n), text);
        }
        for (s, text) in [
            (0.0, "0"),
            (2e-7, "200 ns"),
            (1.5e-6, "1.5 µs"),
            (0.02, "20 ms"),
            (3.0, "3 s"),
        ] {
            assert_eq!(seconds(s), text);
        }
    }
}
