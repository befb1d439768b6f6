// SPDX-License-Identifier: GPL-2.0

//! Drawing of the live view.

use super::{
    app::{App, Mode, Pane},
    details,
    format::grouped,
    reasons, who,
};
use crate::counted_by::CountedBy;
use jiff::{tz::TimeZone, Timestamp};
use ratatui::{
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::{Block, Paragraph, Sparkline, Wrap},
    Frame,
};
use table::Table;

mod help;
mod position;
mod table;

/// Appearance, as the user prefers.
#[derive(Clone, Debug)]
pub struct Look {
    /// Whether to use colours.
    pub colours: bool,
    /// Time zone of clocks.
    pub zone: TimeZone,
}

impl Look {
    /// Returns the appearance for the environment (<https://no-color.org>).
    #[must_use]
    pub fn of_environment() -> Self {
        let no_color = std::env::var_os("NO_COLOR");
        Self {
            colours: no_color.is_none_or(|value| value.is_empty()),
            zone: TimeZone::system(),
        }
    }

    fn colour(&self, colour: Color) -> Style {
        match self.colours {
            true => Style::new().fg(colour),
            false => Style::new(),
        }
    }
}

const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);

/// Layout of the screen. A low screen has no graph; a very low one has only the table that keys act on.
struct Areas {
    title: Rect,
    position: Rect,
    graph: Rect,
    who: Rect,
    exits: Rect,
    keys: Rect,
}

impl Areas {
    fn of(area: Rect, app: &App) -> Self {
        let lines = |wanted: bool, lines: u16| if wanted { lines } else { 0 };
        let position = lines(app.playback.timeline().is_some() && area.height >= 6, 1);
        let keys = lines(area.height >= 4, 1);
        let graph = match area.height {
            24.. => 5,
            18.. => 3,
            _ => 0,
        };
        let left = area.height.saturating_sub(1 + position + graph + keys);
        let whose = app.pane == Pane::Who;
        let who = match left {
            // Each table needs a title, a heading and a row.
            0..6 if whose => left,
            0..6 => 0,
            _ => {
                let most = if whose { left / 2 } else { left / 3 };
                let rows = u16::try_from(app.who().len()).unwrap_or(u16::MAX);
                rows.saturating_add(2).min(most.max(3))
            }
        };
        let [title, position, graph, who, exits, keys] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(position),
            Constraint::Length(graph),
            Constraint::Length(who),
            Constraint::Min(0),
            Constraint::Length(keys),
        ])
        .areas(area);
        Self {
            title,
            position,
            graph,
            who,
            exits,
            keys,
        }
    }
}

/// Draws the screen. The number of rows that fit determines how far tables are scrolled.
pub fn draw(frame: &mut Frame<'_>, app: &mut App, look: &Look) {
    let areas = Areas::of(frame.area(), app);
    draw_title(frame, areas.title, app, look);
    position::draw(frame, areas.position, app, look);
    draw_graph(frame, areas.graph, app, look);
    draw_who(frame, areas.who, app);
    match app.pane {
        Pane::Details => draw_details(frame, areas.exits, app),
        Pane::Who | Pane::Reasons => draw_reasons(frame, areas.exits, app),
    }
    draw_keys(frame, areas.keys, app);
    if app.mode == Mode::Help {
        help::draw(frame, app);
    }
}

fn draw_title(frame: &mut Frame<'_>, area: Rect, app: &App, look: &Look) {
    let end = &app.shown().end;
    let time = Timestamp::from_nanosecond(end.realtime.into()).unwrap_or_default();
    let format = if area.width >= 100 {
        "%F %T %Z"
    } else {
        "%T %Z"
    };
    let time = time.to_zoned(look.zone.clone()).strftime(format);
    let vms = match app.vms() {
        1 => "1 VM".to_owned(),
        vms => format!("{vms} VMs"),
    };
    let mut left = Line::default();
    if area.width >= 60 {
        left.push_span(Span::styled("exitstat  ", BOLD));
    }
    left.push_span(format!("{time}  {vms}"));
    if area.width >= 80 {
        left.push_span(format!("  {}", CountedBy::of(end)));
    }
    if app.playback.is_paused() && app.playback.timeline().is_none() {
        left.push_span(Span::styled(
            "  PAUSED",
            BOLD.patch(look.colour(Color::Yellow)),
        ));
    }
    let right = Line::from(app.time()).right_aligned();
    let fits = left.width() + 2 + right.width() <= usize::from(area.width);
    frame.render_widget(left, area);
    if fits {
        frame.render_widget(right, area);
    }
}

fn draw_graph(frame: &mut Frame<'_>, area: Rect, app: &App, look: &Look) {
    let rates = app.rates(area.width.into());
    let now = rates.last().copied().flatten().unwrap_or(0);
    let most = rates.iter().flatten().max().copied().unwrap_or(0);
    let block = Block::new().title(format!(
        "exits/s of {}: {} now, {} at most",
        app.subject(),
        grouped(now),
        grouped(most)
    ));
    let graph = Sparkline::default()
        .block(block)
        .data(rates)
        .style(look.colour(Color::Green));
    frame.render_widget(graph, area);
}

fn draw_who(frame: &mut Frame<'_>, area: Rect, app: &mut App) {
    let rows = app.who();
    let selected = app.selected_who();
    let selected = rows.iter().position(|row| row.id == selected);
    let title = app.vcpus_of().map(|vm| format!("vCPUs of VM {vm}"));
    let table = Table {
        title: title.unwrap_or_else(|| "VMs".to_owned()),
        columns: if app.vcpus_of().is_some() {
            &who::VCPUS[..]
        } else {
            &who::VMS[..]
        },
        rows: &rows,
        sums: 1,
        selected,
        focused: app.pane == Pane::Who,
    };
    table.draw(frame, area, app.listing_mut(Pane::Who));
}

fn draw_reasons(frame: &mut Frame<'_>, area: Rect, app: &mut App) {
    let rows = app.reasons();
    let selected = app.selected_reason();
    let table = Table {
        title: format!("reasons of {}", app.subject()),
        columns: &reasons::COLUMNS,
        rows: &rows,
        sums: 0,
        selected: rows.iter().position(|row| Some(row.reason) == selected),
        focused: app.pane == Pane::Reasons,
    };
    table.draw(frame, area, app.listing_mut(Pane::Reasons));
}

const NOT_CAPTURED: &str = "\
It was not captured what these exits were about. Esc goes back.

exitstat top --capture key   captures MSRs, ports, addresses and the like
exitstat top --capture ip    captures instruction pointers of the guest
exitstat detail --help       explains both

Capturing needs the module, and root or CAP_PERFMON.";

fn draw_details(frame: &mut Frame<'_>, area: Rect, app: &mut App) {
    let reason = app.selected_reason();
    let reason = reason.map_or_else(String::new, |reason| reason.to_string());
    let title = format!("{reason} exits of {}", app.subject());
    let Some(rows) = app.details() else {
        let block = Block::new().title(Span::styled(title, BOLD));
        let text = Paragraph::new(NOT_CAPTURED).wrap(Wrap { trim: false });
        frame.render_widget(text.block(block), area);
        return;
    };
    let table = Table {
        title,
        columns: &details::COLUMNS,
        rows: &rows,
        sums: 0,
        selected: Some(app.selected_detail().min(rows.len().saturating_sub(1))),
        focused: true,
    };
    table.draw(frame, area, app.listing_mut(Pane::Details));
}

fn draw_keys(frame: &mut Frame<'_>, area: Rect, app: &App) {
    if app.mode == Mode::Filter {
        let filter = &app.listing(app.pane).filter;
        frame.render_widget(Line::styled(format!("filter: {filter}_"), BOLD), area);
        return;
    }
    if let Some(note) = app.note {
        frame.render_widget(Line::styled(note, BOLD), area);
        return;
    }
    let of_pane: &[&str] = match app.pane {
        Pane::Who if app.vcpus_of().is_some() => &["Enter reasons", "v VMs", "Esc back"],
        Pane::Who => &["Enter reasons", "v vCPUs"],
        Pane::Reasons => &["Enter details", "Esc back"],
        Pane::Details => &["Esc back"],
    };
    let of_all: &[&str] = &["s sort", "r reverse", "/ filter", "c totals", "Space pause"];
    let of_recordings: &[&str] = match app.playback.timeline() {
        Some(_) => &["Left Right step", "[ ] marks", "+ - speed"],
        None => &[],
    };
    let mut line = "q quit  ? help".to_owned();
    for hint in of_pane.iter().chain(of_all).chain(of_recordings) {
        if line.len() + 2 + hint.len() > usize::from(area.width) {
            break;
        }
        line = line + "  " + hint;
    }
    frame.render_widget(Line::from(line), area);
}
