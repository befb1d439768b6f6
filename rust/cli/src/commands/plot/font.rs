// SPDX-License-Identifier: GPL-2.0

//! The font, and the size of texts in it.

use plotters::style::{register_font, FontStyle, IntoFont};
use std::sync::Once;

/// Name of the font in SVGs. Viewers substitute a font of their own.
pub const NAME: &str = "sans-serif";

/// Registers DejaVu Sans with plotters, which uses it to measure texts.
pub fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = register_font(NAME, FontStyle::Normal, dejavu::sans::regular());
    });
}

/// Returns the width of a text in pixels, which is slightly more than drawn.
pub fn width(text: &str, size: u32) -> i32 {
    register();
    let size = (NAME, size).into_font().box_size(text);
    size.map_or(0, |(width, _)| width as i32)
}

/// Returns the text. If it is wider than `room`, cuts it and adds an ellipsis.
pub fn shorten(text: &str, size: u32, room: i32) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut short = text.to_owned();
    while short.pop().is_some() {
        let with_ellipsis = format!("{}…", short.trim_end());
        if width(&with_ellipsis, size) <= room {
            return with_ellipsis;
        }
    }
    String::new()
}

/// Returns the largest size in the given range at which a text fits into `room`.
pub fn fit(text: &str, (largest, smallest): (u32, u32), room: i32) -> u32 {
    let mut sizes = (smallest..=largest).rev();
    sizes
        .find(|&size| width(text, size) <= room)
        .unwrap_or(smallest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_shortened_to_its_room() {
        assert_eq!(shorten("login", 13, 200), "login");
        for room in [0, 10, 30, 80] {
            let short = shorten("a very long label of a mark", 13, room);
            assert!(width(&short, 13) <= room, "{short}");
            assert!(short.is_empty() || short.ends_with('…'), "{short}");
        }
        assert!(shorten("a very long label", 13, 80).starts_with("a very"));
    }

    #[test]
    fn a_long_title_is_smaller() {
        let title = "How long 16.1k EPT_VIOLATION exits took";
        assert_eq!(fit(title, (20, 12), 1000), 20);
        let size = fit(title, (20, 12), 300);
        assert!(
            (12..20).contains(&size) && width(title, size) <= 300,
            "{size}"
        );
    }
}
