// SPDX-License-Identifier: GPL-2.0

//! The font, and how much room a text takes in it.

use plotters::style::{register_font, FontStyle, IntoFont};
use std::sync::Once;

/// The font's name in SVGs. Viewers replace it by a font of their own.
pub const NAME: &str = "sans-serif";

/// Makes DejaVu Sans known to plotters, which measures texts with it.
pub fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = register_font(NAME, FontStyle::Normal, dejavu::sans::regular());
    });
}

/// The width of a text in pixels, a little more than drawn.
pub fn width(text: &str, size: u32) -> i32 {
    register();
    let size = (NAME, size).into_font().box_size(text);
    size.map_or(0, |(width, _)| width as i32)
}

/// The text, or its beginning and an ellipsis if it is wider than `room`.
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

/// The largest size from `largest` down to `smallest` in which a text fits into `room`.
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
