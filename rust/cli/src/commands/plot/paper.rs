// SPDX-License-Identifier: GPL-2.0

//! The sheet that all pictures are drawn on: size, title and file format.

use super::{font, theme::Theme};
use crate::{cli::PlotArgs, error::Error};
use plotters::{coord::Shift, prelude::*};
use resvg::{
    tiny_skia::{Pixmap, Transform},
    usvg::{Options, Tree},
};
use std::{path::Path, sync::Arc};

/// Default size of a picture. A PNG has more pixels.
const SIZE: (u32, u32) = (1100, 560);

/// Pixels of a PNG per unit of the SVG.
const SCALE: f32 = 2.0;

/// Margin around the content.
pub const MARGIN: i32 = 14;

/// Height of title and subtitle.
const HEAD: i32 = 58;

/// Part of a sheet.
pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Error from drawing.
pub type Failed = Box<dyn std::error::Error>;

/// Result of drawing.
pub type Drawn = Result<(), Failed>;

/// File format of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Vector graphics.
    Svg,
    /// Pixel graphics.
    Png,
}

impl Format {
    /// Determines the format from a file's name.
    ///
    /// # Errors
    ///
    /// The name does not indicate a format.
    pub fn of(file: &Path) -> Result<Self, Error> {
        let extension = file.extension().unwrap_or_default().to_ascii_lowercase();
        match extension.to_str() {
            Some("svg") => Ok(Self::Svg),
            Some("png") => Ok(Self::Png),
            _ => Err(Error::Usage(format!(
                "{}: unknown picture format; use NAME.svg or NAME.png",
                file.display()
            ))),
        }
    }
}

/// Style and size of a sheet.
#[derive(Clone, Copy, Debug)]
pub struct Paper {
    /// Colours.
    pub theme: Theme,
    size: Option<(u32, u32)>,
}

impl From<&PlotArgs> for Paper {
    fn from(args: &PlotArgs) -> Self {
        Self {
            theme: args.theme.into(),
            size: args.size,
        }
    }
}

impl Paper {
    /// Returns the width.
    pub fn width(&self) -> i32 {
        self.size.unwrap_or(SIZE).0 as i32
    }

    /// Returns the height below the head, for a chart.
    pub fn height(&self) -> i32 {
        self.size.unwrap_or(SIZE).1 as i32 - HEAD
    }

    /// Returns the height below the head, for rows of this many pixels. A given size takes precedence.
    pub fn height_for(&self, rows: i32) -> i32 {
        match self.size {
            Some(_) => self.height(),
            None => rows,
        }
    }

    /// Draws the head, and the rest below it with this height. Returns the SVG.
    ///
    /// # Errors
    ///
    /// `draw` fails.
    pub fn draw(
        &self,
        height: i32,
        (title, subtitle): (&str, &str),
        draw: impl FnOnce(&Area<'_>) -> Drawn,
    ) -> Result<String, Failed> {
        font::register();
        let size = (self.width().unsigned_abs(), (HEAD + height).unsigned_abs());
        let room = self.width() - 2 * MARGIN;
        let mut svg = String::new();
        {
            let sheet = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            sheet.fill(&self.theme.page)?;
            let fit = font::fit(title, (20, 12), room);
            let title = font::shorten(title, fit, room);
            sheet.draw(&Text::new(title, (MARGIN, 12), self.theme.text(fit)))?;
            let fit = font::fit(subtitle, (13, 11), room);
            let subtitle = font::shorten(subtitle, fit, room);
            sheet.draw(&Text::new(subtitle, (MARGIN, 38), self.theme.small(fit)))?;
            draw(&sheet.split_vertically(HEAD).1)?;
            sheet.present()?;
        }
        Ok(svg)
    }
}

/// Converts an SVG to a PNG, with a font included in the program.
///
/// # Errors
///
/// The SVG is invalid.
pub fn png(svg: &str) -> Result<Vec<u8>, Error> {
    let failed = |why: &dyn std::fmt::Display| Error::Failed(format!("cannot draw: {why}"));
    let mut options = Options::default();
    let fonts = Arc::make_mut(&mut options.fontdb);
    fonts.load_font_data(dejavu::sans::regular().to_vec());
    fonts.set_sans_serif_family("DejaVu Sans");
    let tree = Tree::from_str(svg, &options).map_err(|why| failed(&why))?;
    let size = tree.size().to_int_size().scale_by(SCALE);
    let pixels = size.and_then(|size| Pixmap::new(size.width(), size.height()));
    let mut pixels = pixels.ok_or_else(|| failed(&"out of memory"))?;
    resvg::render(
        &tree,
        Transform::from_scale(SCALE, SCALE),
        &mut pixels.as_mut(),
    );
    pixels.encode_png().map_err(|why| failed(&why))
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
}
