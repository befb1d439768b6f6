// SPDX-License-Identifier: GPL-2.0

//! Exits a second over time, stacked by reason.

use super::{
    paper::{self, Failed},
    Recorded,
};
use crate::reason::Reason;
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};
use std::collections::BTreeMap;

/// Room for the legend.
const LEGEND: u32 = 220;

/// Draws it.
///
/// # Errors
///
/// It cannot be drawn.
pub fn draw(recorded: &Recorded) -> Result<String, Failed> {
    // The most frequent at the bottom, where they are compared best.
    let mut frequent: Vec<_> = recorded
        .all
        .rows
        .iter()
        .filter_map(|row| Some((row.reason?, row.line.tally.exits)))
        .filter(|&(_, exits)| exits > 0)
        .collect();
    frequent.sort_by_key(|&(_, exits)| std::cmp::Reverse(exits));
    let all: u64 = frequent.iter().map(|&(_, exits)| exits).sum();
    let others = frequent.split_off(frequent.len().min(paper::COLOURED));

    // Each layer's name and colour, and its rates in each interval.
    let mut layers: Vec<(String, RGBColor, Vec<f64>)> = Vec::new();
    let rates: Vec<_> = recorded
        .intervals
        .iter()
        .map(|(_, view)| rates(view))
        .collect();
    for (n, &(reason, exits)) in frequent.iter().enumerate() {
        let each = rates
            .iter()
            .map(|rates| rates.get(&reason).copied().unwrap_or(0.0));
        layers.push((
            label(&reason.to_string(), exits, all),
            paper::colour(n),
            each.collect(),
        ));
    }
    if !others.is_empty() {
        let exits = others.iter().map(|&(_, exits)| exits).sum();
        let each = rates.iter().map(|rates| {
            others
                .iter()
                .filter_map(|(reason, _)| rates.get(reason))
                .sum()
        });
        let name = match others.as_slice() {
            [(reason, _)] => reason.to_string(),
            _ => format!("{} others", others.len()),
        };
        layers.push((label(&name, exits, all), paper::OTHERS, each.collect()));
    }

    let end = recorded
        .intervals
        .last()
        .map_or(0.0, |(end, _)| *end)
        .max(1e-3);
    let most = rates
        .iter()
        .map(|rates| rates.values().sum::<f64>())
        .fold(1.0, f64::max);
    paper::draw(paper::SIZE.1, |sheet| {
        let (left, right) = sheet.split_horizontally(paper::SIZE.0 - LEGEND);
        let title = format!("VM exits a second by reason: {}", recorded.title);
        let mut chart = ChartBuilder::on(&left)
            .caption(title, paper::text(20))
            .margin(12)
            .x_label_area_size(42)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..end, 0.0..most * 1.05)?;
        paper::plain(&mut chart.configure_mesh())
            .x_desc("seconds since the recording began")
            .y_desc("exits/s")
            .x_label_formatter(&paper::axis(end))
            .y_label_formatter(&paper::axis(most))
            .draw()?;
        let mut below = vec![0.0; rates.len()];
        for (_, colour, each) in &layers {
            let above: Vec<f64> = below.iter().zip(each).map(|(a, b)| a + b).collect();
            // Steps, as a rate is known for an interval, not for a moment.
            let mut upper = steps(recorded, &above);
            let mut lower = steps(recorded, &below);
            lower.reverse();
            upper.extend(lower);
            chart.draw_series([Polygon::new(upper, colour.filled())])?;
            below = above;
        }
        for (at, label) in recorded.marks.iter().filter(|(at, _)| *at <= end) {
            let line = vec![(*at, 0.0), (*at, most * 1.05)];
            chart.draw_series([PathElement::new(line, paper::GREY.stroke_width(1))])?;
            // Upright, beside its line: so that those of short phases do not lie on each other.
            let style = paper::text(13).transform(FontTransform::Rotate90);
            let style = style.pos(Pos::new(HPos::Left, VPos::Bottom));
            chart.draw_series([Text::new(label.clone(), (*at, most * 1.04), style)])?;
        }
        // From the top down, as the layers are.
        for (i, (name, colour, _)) in layers.iter().rev().enumerate() {
            let y = 52 + 24 * i as i32;
            right.draw(&Rectangle::new([(0, y), (14, y + 14)], colour.filled()))?;
            right.draw(&Text::new(name.clone(), (20, y), paper::text(14)))?;
        }
        Ok(())
    })
}

fn label(name: &str, exits: u64, all: u64) -> String {
    let percent = exits as f64 / all.max(1) as f64 * 100.0;
    format!("{name} {percent:.1} %")
}

fn rates(view: &crate::view::View) -> BTreeMap<Reason, f64> {
    let rate = |row| view.figures(row).exits_per_second;
    let rows = view.rows.iter();
    rows.filter_map(|row| Some((row.reason?, rate(row)?)))
        .collect()
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
