// SPDX-License-Identifier: GPL-2.0

//! Drawing of the help over the screen.

use super::BOLD;
use crate::{cli::KEYS, commands::top::app::App};
use ratatui::{
    layout::Rect,
    text::Line,
    widgets::{Block, Clear, Paragraph},
    Frame,
};

const NOTES: [&str; 5] = [
    "KERNEL is time that KVM spends on exits. USER is wall time of exits in userspace. TIME and %TIME count both.",
    "AVG, P50, P99 and MAX are kernel time per exit; P50 and P99 are upper bounds. %UEXITS is the share of exits that \
     userspace finishes.",
    "CPUS is kernel time per second: 1.000 is one CPU.",
    "On a narrow screen columns are left out, but rows can still be sorted by them.",
    "'exitstat explain REASON' explains a reason.",
];

/// Width of the column of keys.
const INDENT: usize = 15;

/// Draws the help at its scroll position.
pub fn draw(frame: &mut Frame<'_>, app: &mut App) {
    let all = frame.area();
    let width = all.width.min(76);
    let lines = lines(usize::from(width.saturating_sub(2)));
    let height = u16::try_from(lines.len() + 2).map_or(all.height, |height| height.min(all.height));
    let area = Rect::new(
        (all.width - width) / 2,
        (all.height - height) / 2,
        width,
        height,
    );
    let most = lines
        .len()
        .saturating_sub(usize::from(height.saturating_sub(2)));
    app.help_above = app.help_above.min(most);
    let title = match most {
        0 => "Help: any key closes it",
        _ => "Help: Up and Down scroll, other keys close it",
    };
    let shown: Vec<_> = lines
        .into_iter()
        .skip(app.help_above)
        .map(Line::from)
        .collect();
    let block = Block::bordered().title(title).title_style(BOLD);
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(shown).block(block), area);
}

fn lines(width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for (keys, does) in KEYS {
        let mut keys = keys;
        for part in wrapped(does, width.saturating_sub(INDENT)) {
            lines.push(format!("{keys:INDENT$}{part}"));
            keys = "";
        }
    }
    for note in NOTES {
        lines.push(String::new());
        lines.extend(wrapped(note, width));
    }
    lines
}

/// Wraps a text at words, with no line wider than `width` unless a single word is.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_no_wider_than_the_screen() {
        for width in 38..80 {
            assert!(
                lines(width).iter().all(|line| line.len() <= width),
                "{width}"
            );
        }
        assert_eq!(wrapped("a bc def g", 4), ["a bc", "def", "g"]);
        assert_eq!(wrapped("longer than", 3), ["longer", "than"]);
    }

    #[test]
    fn all_keys_are_listed() {
        let text = lines(70).join("\n");
        assert!(KEYS.iter().all(|(keys, _)| text.contains(keys)), "{text}");
    }
}
