// SPDX-License-Identifier: GPL-2.0

//! Appearance of pictures on light and dark pages.

use super::font;
use crate::cli::PlotTheme;
use plotters::{chart::MeshStyle, coord::ranged1d::ValueFormatter, prelude::*};

/// Colours of everything except data.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    /// Background.
    pub page: RGBColor,
    /// Titles and labels.
    pub text: RGBColor,
    /// Axes, lines, and secondary texts.
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
    /// Returns the style of texts.
    pub fn text(self, size: u32) -> TextStyle<'static> {
        (font::NAME, size).into_font().color(&self.text)
    }

    /// Returns the style of secondary texts.
    pub fn small(self, size: u32) -> TextStyle<'static> {
        (font::NAME, size).into_font().color(&self.line)
    }

    /// Sets the style of axes, with a grid of faint horizontal lines.
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
