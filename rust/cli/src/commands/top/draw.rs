// SPDX-License-Identifier: GPL-2.0

//! Draws what `top` shows.

use super::app::{reason_name, App, Mode, Pane};
use crate::{
    detail::Names,
    model::Longest,
    output::table::{clock, percent, share},
    view::{sort_name, Row as ViewRow, View},
};
use exitstat_core::histogram::bucket_begin;
use ratatui::{
    layout::{Alignment, Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::{Block, Cell, Clear, Paragraph, Row, Sparkline, Table, TableState},
    Frame,
};

const HELP: [&str; 16] = [
    "Up k, Down j   choose a VM, or all; then a reason",
    "Home, End      the first, the last",
    "Enter          a reason; then what its exits were about",
    "Esc            back",
    "PgUp, PgDn     scroll",
    "s, S           next, previous order",
    "/              filter reasons by name; Esc forgets it",
    "c              counts since the start, or of the interval",
    "p, Space       pause, go on",
    "? h F1         this help",
    "q Ctrl-C       quit",
    "",
    "CPUS is how many CPUs' worth of time KVM spends on",
    "exits. Times are of handling in the kernel; %USER are",
    "exits that user space finishes. `exitstat explain",
    "REASON` tells what a reason means.",
];

/// Draws all.
pub fn draw(frame: &mut Frame<'_>, app: &mut App) {
    let vms = app.vms();
    let area = frame.area();
    // A third of the screen at most, so that the reasons have room.
    let vms_height = (vms.len() as u16 + 1).clamp(3, (area.height / 3).max(3));
    let graph_height = if area.height >= 24 { 5 } else { 3 };
    let [title, graph, vms_area, reasons, keys] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(graph_height),
        Constraint::Length(vms_height + 1),
        Constraint::Min(3),
        Constraint::Length(1),
    ])
    .areas(area);
    draw_title(frame, title, app);
    draw_rates(frame, graph, app);
    draw_vms(frame, vms_area, app);
    match app.pane {
        Pane::Details => draw_details(frame, reasons, app),
        Pane::Vms | Pane::Reasons => draw_reasons(frame, reasons, app),
    }
    draw_keys(frame, keys, app);
    if app.mode == Mode::Help {
        draw_help(frame, area);
    }
}

/// A style, less its colours if one does not want any (no-color.org).
fn styled(style: Style) -> Style {
    if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        Style {
            fg: None,
            bg: None,
            ..style
        }
    } else {
        style
    }
}

fn heads() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

fn draw_title(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let state = match (app.paused(), app.ended()) {
        (true, _) => "  PAUSED",
        (false, true) => "  END OF THE RECORDING",
        (false, false) => "",
    };
    let vms = app.vms().len() - 1;
    let left = Line::from(vec![
        Span::styled("exitstat", heads()),
        Span::raw(format!(
            "  {}  {vms} VM{}",
            clock(app.realtime()),
            if vms == 1 { "" } else { "s" }
        )),
        Span::styled(state, styled(heads().fg(Color::Yellow))),
    ]);
    frame.render_widget(left, area);
    let right = format!("interval {:.1} s", app.seconds());
    frame.render_widget(Paragraph::new(right).alignment(Alignment::Right), area);
}

fn draw_rates(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let rates = app.rates();
    let (now, most) = (
        rates.last().copied().unwrap_or(0),
        rates.iter().max().copied().unwrap_or(0),
    );
    let whose = app
        .chosen
        .map_or("all VMs".to_owned(), |vm| format!("VM {vm}"));
    let block = Block::new().title(format!(
        "exits/s of {whose}: {} now, {} at most",
        grouped(now),
        grouped(most)
    ));
    // The newest on the right.
    let columns = usize::from(area.width);
    let shown = &rates[rates.len().saturating_sub(columns)..];
    let mut data = vec![0; columns - shown.len()];
    data.extend(shown);
    let graph = Sparkline::default()
        .block(block)
        .data(&data)
        .style(styled(Style::new().fg(Color::Green)));
    frame.render_widget(graph, area);
}

fn draw_vms(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let vms = app.vms();
    let rows = vms.iter().map(|line| {
        let (pid, process) = line.process.clone().unzip();
        Row::new([
            line.vm.map_or("all".to_owned(), |vm| vm.to_string()),
            pid.map_or_else(String::new, |pid| pid.to_string()),
            line.vcpus.to_string(),
            grouped(line.rate.round() as u64),
            line.cpus
                .map_or("-".to_owned(), |cpus| format!("{cpus:.3}")),
            process.unwrap_or_default(),
        ])
    });
    let widths = [6, 9, 6, 12, 8].map(Constraint::Length);
    let widths = widths.into_iter().chain([Constraint::Min(8)]);
    let head = Row::new(["VM", "PID", "VCPUS", "EXITS/S", "CPUS", "PROCESS"]).style(heads());
    let table = Table::new(rows, widths)
        .header(head)
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let chosen = vms.iter().position(|line| line.vm == app.chosen);
    frame.render_stateful_widget(table, area, &mut TableState::new().with_selected(chosen));
}

fn draw_reasons(frame: &mut Frame<'_>, area: Rect, app: &mut App) {
    let view = app.reasons();
    app.above = app.above.min(above_at_most(view.rows.len(), area));
    let since = since(app);
    let filter = if app.filter.is_empty() {
        String::new()
    } else {
        format!(", like {}", app.filter)
    };
    let title = format!("exits {since}, by {}{filter}", sort_name(app.sort));
    let shown = columns(area.width);
    let rows = view.rows.iter().map(|row| {
        let name = Cell::from(reason_name(row.reason));
        let texts = texts(&view, row);
        let cells = shown
            .iter()
            .filter_map(|&column| texts.get(column).cloned());
        Row::new([name].into_iter().chain(cells.map(right)))
    });
    let columns = shown.iter().filter_map(|&column| COLUMNS.get(column));
    let (titles, widths): (Vec<_>, Vec<_>) = columns.copied().unzip();
    let titles = titles.into_iter().map(|title| right(title.to_owned()));
    let head = [Cell::from("REASON")].into_iter().chain(titles);
    let widths = [NAME].into_iter().chain(widths).map(Constraint::Length);
    let table = Table::new(rows, widths)
        .header(Row::new(head).style(heads()))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
        .block(Block::new().title(title));
    let chosen = app.reason.filter(|_| app.pane == Pane::Reasons);
    let at = chosen.and_then(|_| view.rows.iter().position(|row| row.reason == chosen));
    let mut state = TableState::new().with_offset(app.above).with_selected(at);
    frame.render_stateful_widget(table, area, &mut state);
    app.above = state.offset();
}

/// Rows that can be above the first that is shown, with a title and a head.
fn above_at_most(rows: usize, area: Rect) -> usize {
    rows.saturating_sub(usize::from(area.height.saturating_sub(2)))
}

fn since(app: &App) -> &'static str {
    if app.cumulative {
        "since the start"
    } else {
        "in the interval"
    }
}

const NOT_CAPTURED: &str = "\
What these exits were about was not captured. Esc goes back.

exitstat top --capture key       which MSR, port, address, CPUID leaf, hypercall
exitstat top --capture ip        which instruction of the guest
exitstat detail --help           tells more of it

Only the module can capture it, and only root, or who has CAP_PERFMON, sees it.";

fn draw_details(frame: &mut Frame<'_>, area: Rect, app: &mut App) {
    let name = app.reason.map_or_else(String::new, |r| r.to_string());
    let title = format!("what exits of {name} were about, {}", since(app));
    let block = Block::new().title(title);
    let Some(found) = app.details() else {
        frame.render_widget(Paragraph::new(NOT_CAPTURED).block(block), area);
        return;
    };
    app.above = app.above.min(above_at_most(found.rows.len(), area));
    let view = app.reasons();
    let interval = app.shown_seconds();
    let names = Names::default();
    // Two things about each exit need room.
    let all = 0..DETAIL_COLUMNS.len();
    let narrow = area.width < 100 && found.with_key && found.with_ip;
    let shown: Vec<_> = all.filter(|&column| !narrow || column != 1).collect();
    let rows = found.rows.iter().skip(app.above).map(|row| {
        let counts = row.counts;
        let what = names.about(row.reason, row.id, found.with_key, found.with_ip);
        let rate = counts.exits as f64 / interval;
        let texts = [
            grouped(counts.exits),
            match rate.is_finite() {
                true => grouped(rate.round() as u64),
                false => "-".to_owned(),
            },
            share(counts.exits, found.exits),
            share(counts.cycles, found.cycles),
            time(
                &view,
                (counts.exits != 0).then(|| counts.cycles as f64 / counts.exits as f64),
            ),
            share(counts.user_exits, counts.exits),
        ];
        let cells = shown.iter().map(|&column| right(texts[column].clone()));
        Row::new([Cell::from(what)].into_iter().chain(cells))
    });
    let columns = shown.iter().map(|&column| DETAIL_COLUMNS[column]);
    let (titles, widths): (Vec<_>, Vec<_>) = columns.unzip();
    let titles = titles.into_iter().map(|title| right(title.to_owned()));
    let head = [Cell::from("WHAT")].into_iter().chain(titles);
    let widths = widths.into_iter().map(Constraint::Length);
    let table = Table::new(rows, [Constraint::Min(10)].into_iter().chain(widths))
        .header(Row::new(head).style(heads()))
        .block(block);
    frame.render_widget(table, area);
}

/// Titles and widths of the columns after what exits were about.
const DETAIL_COLUMNS: [(&str, u16); 6] = [
    ("EXITS", 11),
    ("EXITS/S", 9),
    ("%EXITS", 6),
    ("%TIME", 6),
    ("AVG", 8),
    ("%USER", 6),
];

/// Columns of a reason's name.
const NAME: u16 = 22;

/// Titles and widths of the other columns.
const COLUMNS: [(&str, u16); 8] = [
    ("EXITS", 13),
    ("EXITS/S", 11),
    ("%EXITS", 7),
    ("%TIME", 7),
    ("AVG", 9),
    ("P99", 9),
    ("MAX", 9),
    ("%USER", 6),
];

/// What can be done without on a narrow screen, first to go first.
const DISPENSABLE: [usize; 7] = [0, 6, 2, 7, 5, 4, 3];

/// The columns that there is room for.
fn columns(width: u16) -> Vec<usize> {
    let mut shown: Vec<_> = (0..COLUMNS.len()).collect();
    for out in DISPENSABLE {
        // A blank is between columns.
        let needed: u16 = shown.iter().map(|&column| COLUMNS[column].1 + 1).sum();
        if NAME + needed <= width {
            break;
        }
        shown.retain(|&column| column != out);
    }
    shown
}

/// A row's texts, one for each of [`COLUMNS`].
fn texts(view: &View, row: &ViewRow) -> [String; COLUMNS.len()] {
    let figures = view.figures(row);
    let longest = match figures.longest {
        None => "-".to_owned(),
        Some(Longest::Exactly(cycles)) => time(view, Some(cycles as f64)),
        // It is in the bucket that ends there.
        Some(Longest::InBucket(bucket)) => {
            format!("<{}", time(view, Some(bucket_begin(bucket + 1) as f64)))
        }
    };
    let rate = figures.exits_per_second;
    [
        grouped(figures.exits),
        rate.map_or("-".to_owned(), |rate| grouped(rate.round() as u64)),
        percent(figures.exits_share),
        percent(figures.cycles_share),
        time(view, figures.average),
        time(view, figures.p99.map(|cycles| cycles as f64)),
        longest,
        percent(figures.user_share),
    ]
}

fn time(view: &View, cycles: Option<f64>) -> String {
    let Some(cycles) = cycles else {
        return "-".to_owned();
    };
    let time = view.seconds_of(cycles);
    time.map_or_else(|| format!("{cycles:.0} cy"), seconds)
}

fn right(text: String) -> Cell<'static> {
    Cell::from(Line::from(text).alignment(Alignment::Right))
}

fn draw_keys(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let line = match app.mode {
        Mode::Filter => Line::from(format!("filter: {}_", app.filter)).style(heads()),
        _ => Line::from(match app.pane {
            Pane::Vms => {
                "q quit  ? help  j k VM  Enter reason  s sort  / filter  c since start  p pause"
            }
            Pane::Reasons => {
                "q quit  ? help  j k reason  Enter what about  Esc back  s sort  c since start"
            }
            Pane::Details => "q quit  ? help  j k scroll  Esc back  c since start  p pause",
        }),
    };
    frame.render_widget(line, area);
}

fn draw_help(frame: &mut Frame<'_>, area: Rect) {
    let (width, height) = (60.min(area.width), (HELP.len() as u16 + 2).min(area.height));
    let area = Rect::new(
        (area.width - width) / 2,
        (area.height - height) / 2,
        width,
        height,
    );
    let text: Vec<_> = HELP.iter().map(|line| Line::from(*line)).collect();
    frame.render_widget(Clear, area);
    frame.render_widget(
        Paragraph::new(text).block(Block::bordered().title("Help")),
        area,
    );
}

/// A number with commas.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i != 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time, in three digits.
fn seconds(seconds: f64) -> String {
    let (number, unit) = match seconds {
        s if s < 1e-6 => (s * 1e9, "ns"),
        s if s < 1e-3 => (s * 1e6, "us"),
        s if s < 1.0 => (s * 1e3, "ms"),
        s => (s, "s"),
    };
    let digits = match number {
        n if n < 10.0 => 2,
        n if n < 100.0 => 1,
        _ => 0,
    };
    format!("{number:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_fit_and_the_rate_is_the_last_to_go() {
        for width in 0..200 {
            let shown = columns(width);
            let needed: u16 = shown.iter().map(|&column| COLUMNS[column].1 + 1).sum();
            assert!(NAME + needed <= width.max(34), "{width}");
            assert!(shown.contains(&1), "{width}");
        }
        assert_eq!(columns(101).len(), COLUMNS.len());
    }

    #[test]
    fn numbers_are_short_and_readable() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
        for (time, text) in [
            (0.0, "0.00 ns"),
            (12.34e-9, "12.3 ns"),
            (1.5e-6, "1.50 us"),
            (0.25, "250 ms"),
            (3.0, "3.00 s"),
        ] {
            assert_eq!(seconds(time), text);
        }
    }
}
