// SPDX-License-Identifier: GPL-2.0

//! Drawing of the position in a recording.

use super::{Look, BOLD};
use crate::commands::top::{app::App, format::duration, timeline::Timeline};
use ratatui::{
    layout::Rect,
    style::Color,
    text::{Line, Span},
    Frame,
};

/// Minimum useful width of the bar.
const LEAST_BAR: usize = 12;

/// Draws the snapshot's number, its time, the speed, the phase, and a bar with the marks.
pub fn draw(frame: &mut Frame<'_>, area: Rect, app: &App, look: &Look) {
    let playback = &app.playback;
    let Some(timeline) = playback.timeline() else {
        return;
    };
    let at = app.at();
    let mut line = Line::from(format!(
        "{}/{}  +{}  {}",
        at + 1,
        timeline.last() + 1,
        duration_in_tenths(timeline.seconds(at)),
        playback.speed()
    ));
    let state = match (playback.is_paused(), playback.is_end(at)) {
        (_, true) => "  END",
        (true, false) => "  PAUSED",
        (false, false) => "",
    };
    line.push_span(Span::styled(state, BOLD.patch(look.colour(Color::Yellow))));
    if let Some(phase) = timeline.phase(at) {
        line.push_span(format!("  mark {phase}"));
    }
    let left = usize::from(area.width).saturating_sub(line.width() + 2);
    if left >= LEAST_BAR {
        line.push_span("  ");
        line.push_span(bar(timeline, at, left));
    }
    frame.render_widget(line, area);
}

/// Formats seconds as in tables of recordings, if they are few.
fn duration_in_tenths(seconds: f64) -> String {
    match seconds < 1e4 {
        true => format!("{seconds:.1} s"),
        false => duration(seconds),
    }
}

/// Returns a line with the position `●` and marks `┼`.
fn bar(timeline: &Timeline, at: usize, width: usize) -> String {
    let column = |at: usize| at * (width - 1) / timeline.last().max(1);
    let mut bar: Vec<_> = (0..width)
        .map(|here| if here <= column(at) { '━' } else { '─' })
        .collect();
    for mark in timeline.marked() {
        bar[column(mark)] = '┼';
    }
    bar[column(at)] = '●';
    bar.into_iter().collect()
}
