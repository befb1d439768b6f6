// SPDX-License-Identifier: GPL-2.0

//! What a picture looks like on a light and on a dark page.

use super::font;
use crate::cli::PlotTheme;
use plotters::{chart::MeshStyle, coord::ranged1d::ValueFormatter, prelude::*};

/// Colours of all that is not data.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    /// The page.
    pub page: RGBColor,
    /// Titles and labels.
    pub text: RGBColor,
    /// Axes, lines, and less important texts.
    pub line: RGBColor,
    /// The grid.
    pub grid: RGBColor,
}

/// Dark on white.
pub const LIGHT: Theme = Theme {
    page: WHITE,
    text: BLACK,
    line: RGBColor(90, 90, 90),
    grid: RGBColor(225, 225, 225),
};

/// Light on a very dark blue.
pub const DARK: Theme = Theme {
    page: RGBColor(27, 30, 36),
    text: RGBColor(235, 235, 235),
    line: RGBColor(165, 170, 178),
    grid: RGBColor(58, 63, 72),
};

impl From<PlotTheme> for Theme {
    fn from(theme: PlotTheme) -> Self {
        match theme {
            PlotTheme::Light => LIGHT,
            PlotTheme::Dark => DARK,
        }
    }
}

impl Theme {
    /// A text's style.
    pub fn text(self, size: u32) -> TextStyle<'static> {
        (font::NAME, size).into_font().color(&self.text)
    }

    /// That of a less important text.
    pub fn small(self, size: u32) -> TextStyle<'static> {
        (font::NAME, size).into_font().color(&self.line)
    }

    /// Sets the style of axes, and of a grid of faint horizontal lines.
    pub fn mesh<'c, 'a, 'b, X, Y, B>(
        self,
        mesh: &'c mut MeshStyle<'a, 'b, X, Y, B>,
    ) -> &'c mut MeshStyle<'a, 'b, X, Y, B>
    where
        X: Ranged + ValueFormatter<X::ValueType>,
        Y: Ranged + ValueFormatter<Y::ValueType>,
        B: DrawingBackend,
    {
        mesh.disable_x_mesh()
            .light_line_style(self.page.mix(0.0))
            .bold_line_style(self.grid)
            .axis_style(self.line)
            .label_style(self.text(14))
            .axis_desc_style(self.text(15))
    }
}
