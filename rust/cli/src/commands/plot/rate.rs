// SPDX-License-Identifier: GPL-2.0

//! Exits, or their time, per second over time, stacked by reason.

use super::{
    colours,
    flags::{Flag, Flags},
    font,
    number::axis,
    paper::{Area, Drawn, Failed, Paper, MARGIN},
    Recorded,
};
use crate::{
    cli::RateOf,
    error::Error,
    reason::Reason,
    view::{Row, View},
};
use plotters::prelude::*;
use std::{cmp::Reverse, collections::BTreeMap};

/// Maximum number of layers. All other reasons are combined in one more.
const MOST: usize = 12;

/// Space for the labels of the axes.
const AXES: (u32, u32) = (66, 44);

/// Font size of the legend, and space for its coloured squares.
const TEXT: u32 = 14;
const SQUARE: i32 = 20;

/// One reason, or several combined.
struct Layer {
    name: String,
    colour: RGBColor,
    /// Its rate in each interval.
    rates: Vec<f64>,
}

/// Draws the chart.
///
/// # Errors
///
/// Times were not counted. Drawing can also fail, in the inner result.
pub fn draw(
    paper: &Paper,
    recorded: &Recorded,
    of: RateOf,
) -> Result<Result<String, Failed>, Error> {
    if of != RateOf::Exits && !recorded.all.has_times() {
        return Err(Error::Usage(
            "the recording has no times: only exits were counted (--counts)".to_owned(),
        ));
    }
    Ok(picture(paper, recorded, of))
}

fn picture(paper: &Paper, recorded: &Recorded, of: RateOf) -> Result<String, Failed> {
    let layers = layers(recorded, of);
    let legend = layers.iter().map(|layer| font::width(&layer.name, TEXT));
    let legend = legend.max().unwrap_or(0) + SQUARE + MARGIN;
    let end = recorded.intervals.last().map_or(0.0, |(end, _)| *end);
    let end = end.max(1e-3);
    let title = format!("{}: {}", title(of), recorded.of);

    paper.draw(paper.height(), (&title, &recorded.about), |area| {
        let (left, right) = (MARGIN + AXES.0 as i32, paper.width() - legend - 2 * MARGIN);
        let marks = recorded.marks.iter().filter(|(at, _)| *at <= end);
        let flags = marks.map(|(at, label)| Flag {
            x: left + (at / end * f64::from(right - left)).round() as i32,
            label: label.clone(),
        });
        let rows = (paper.height() / 60).min(8).unsigned_abs() as usize;
        let flags = Flags::place(flags.collect(), rows, paper.width() - MARGIN);
        let top = flags.height();
        let bottom = paper.height() - MARGIN - AXES.1 as i32;

        chart(area, paper, (top, legend), recorded, of, &layers)?;
        let line = paper.theme.line.stroke_width(1);
        flags.draw(area, (0, bottom), line, |size| paper.theme.text(size))?;
        let x = right + MARGIN;
        draw_legend(area, paper, (x, top, bottom), &layers)
    })
}

fn title(of: RateOf) -> &'static str {
    match of {
        RateOf::Exits => "VM exits per second by reason",
        RateOf::Time => "Kernel and userspace time per second for VM exits, by reason",
        RateOf::KernelTime => "Kernel time per second for VM exits, by reason",
        RateOf::UserTime => "Userspace time per second for VM exits, by reason",
    }
}

/// Draws the axes and layers.
fn chart(
    area: &Area<'_>,
    paper: &Paper,
    (top, legend): (i32, i32),
    recorded: &Recorded,
    of: RateOf,
    layers: &[Layer],
) -> Drawn {
    let end = recorded.intervals.last().map_or(1e-3, |(end, _)| *end);
    let sums = (0..recorded.intervals.len())
        .map(|i| layers.iter().map(|layer| layer.rates[i]).sum::<f64>());
    let most = sums.fold(0.0, f64::max);
    let most = if most > 0.0 { most * 1.05 } else { 1.0 };
    let unit = match (of, recorded.all.tsc_khz) {
        (RateOf::Exits, _) => "exits/s",
        (_, Some(_)) => "ms/s",
        (_, None) => "cycles/s",
    };
    let mut chart = ChartBuilder::on(area)
        .margin(MARGIN)
        .margin_top(top)
        .margin_right(legend + 2 * MARGIN)
        .x_label_area_size(AXES.1)
        .y_label_area_size(AXES.0)
        .build_cartesian_2d(0.0..end.max(1e-3), 0.0..most)?;
    paper
        .theme
        .mesh(&mut chart.configure_mesh())
        .x_desc("seconds since the recording began")
        .y_desc(unit)
        .x_label_formatter(&axis(end))
        .y_label_formatter(&axis(most))
        .draw()?;
    let mut below = vec![0.0; recorded.intervals.len()];
    for layer in layers {
        let above: Vec<f64> = below.iter().zip(&layer.rates).map(|(a, b)| a + b).collect();
        // Steps, because a rate applies to an interval, not a moment.
        let mut outline = steps(recorded, &above);
        outline.extend(steps(recorded, &below).into_iter().rev());
        chart.draw_series([Polygon::new(outline, layer.colour.filled())])?;
        below = above;
    }
    Ok(())
}

/// Draws the names of the layers from top to bottom.
fn draw_legend(
    area: &Area<'_>,
    paper: &Paper,
    (x, top, bottom): (i32, i32, i32),
    layers: &[Layer],
) -> Drawn {
    let row = (bottom - top) / (layers.len() as i32).max(1);
    let row = row.min(24);
    for (i, layer) in (0..).zip(layers.iter().rev()) {
        let y = top + MARGIN / 2 + row * i;
        let square = [(x, y), (x + SQUARE - 6, y + row.min(19) - 5)];
        area.draw(&Rectangle::new(square, layer.colour.filled()))?;
        let at = (x + SQUARE, y);
        area.draw(&Text::new(layer.name.clone(), at, paper.theme.text(TEXT)))?;
    }
    Ok(())
}

/// Returns the layers. The largest comes first, at the bottom, where it is easiest to compare.
fn layers(recorded: &Recorded, of: RateOf) -> Vec<Layer> {
    let amount = |row: &Row| amount(row, of);
    let rows = recorded.all.rows.iter();
    let mut reasons: Vec<_> = rows
        .filter_map(|row| Some((row.reason?, amount(row))))
        .filter(|&(_, amount)| amount > 0)
        .collect();
    reasons.sort_by_key(|&(_, amount)| Reverse(amount));
    let all: u64 = reasons.iter().map(|&(_, amount)| amount).sum();
    let others = match reasons.len() {
        // If there is only one more, it takes no more space than the combined layer.
        few if few <= MOST + 1 => Vec::new(),
        _ => reasons.split_off(MOST),
    };
    let rates: Vec<_> = recorded
        .intervals
        .iter()
        .map(|(_, view)| rates(view, of))
        .collect();
    let layer = |name: String, colour, reasons: &[(Reason, u64)]| {
        let sum: u64 = reasons.iter().map(|&(_, amount)| amount).sum();
        let percent = sum as f64 / all.max(1) as f64 * 100.0;
        let rate = |rates: &BTreeMap<Reason, f64>| {
            let each = reasons.iter().filter_map(|(reason, _)| rates.get(reason));
            each.sum()
        };
        Layer {
            name: format!("{name} {percent:.1} %"),
            colour,
            rates: rates.iter().map(rate).collect(),
        }
    };
    let mut layers: Vec<_> = reasons
        .iter()
        .map(|one| layer(one.0.to_string(), colours::of(one.0), &[*one]))
        .collect();
    if !others.is_empty() {
        let name = format!("{} others", others.len());
        layers.push(layer(name, colours::OTHERS, &others));
    }
    layers
}

/// Returns the exits, or the cycles.
fn amount(row: &Row, of: RateOf) -> u64 {
    let kernel = row.line.tally.cycles;
    let user = row.line.detail.as_ref().map_or(0, |d| d.user_cycles);
    match of {
        RateOf::Exits => row.line.tally.exits,
        RateOf::Time => kernel.saturating_add(user),
        RateOf::KernelTime => kernel,
        RateOf::UserTime => user,
    }
}

/// Returns the rates by reason, in exits, milliseconds or cycles per second.
fn rates(view: &View, of: RateOf) -> BTreeMap<Reason, f64> {
    let Some(seconds) = view.seconds.filter(|&seconds| seconds > 0.0) else {
        return BTreeMap::new();
    };
    let scale = match of {
        RateOf::Exits => 1.0,
        _ => view.seconds_of(1e3).unwrap_or(1.0),
    };
    let rate = |row: &Row| Some((row.reason?, amount(row, of) as f64 * scale / seconds));
    view.rows.iter().filter_map(rate).collect()
}

fn steps(recorded: &Recorded, values: &[f64]) -> Vec<(f64, f64)> {
    let mut begin = 0.0;
    let mut points = Vec::new();
    for ((end, _), &value) in recorded.intervals.iter().zip(values) {
        points.extend([(begin, value), (*end, value)]);
        begin = *end;
    }
    points
}
