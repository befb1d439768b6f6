// SPDX-License-Identifier: GPL-2.0

//! How long the exits of one reason took.

use super::{
    paper::{self, Failed},
    Recorded,
};
use crate::{error::Error, model::Counters, reason::Wanted};
use exitstat_core::histogram::bucket_begin;
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

/// Draws it.
///
/// # Errors
///
/// There were no such exits, or nobody counted how long they took. Or it cannot be drawn.
pub fn draw(recorded: &Recorded, wanted: Wanted) -> Result<Result<String, Failed>, Error> {
    let mut rows = recorded.all.rows.iter();
    let row = rows.find(|row| row.reason.is_some_and(|reason| wanted.is(reason)));
    let reason = row.and_then(|row| row.reason).or(wanted.reasons().next());
    let name = reason.map_or_else(String::new, |reason| reason.to_string());
    let detail = row.and_then(|row| row.line.detail.as_ref());
    match detail.filter(|detail| !detail.histogram.is_zero()) {
        Some(detail) => Ok(picture(recorded, &name, detail)),
        None => Err(Error::Usage(format!(
            "there is no histogram of {name} of {}: no such exits, or they were counted without one",
            recorded.all.subject
        ))),
    }
}

fn picture(recorded: &Recorded, name: &str, counters: &Counters) -> Result<String, Failed> {
    let view = &recorded.all;
    let time = |cycles: f64| match view.seconds_of(cycles) {
        Some(time) => paper::seconds(time),
        None => paper::number(cycles),
    };
    let histogram = counters.histogram.buckets();
    let buckets = || histogram.iter().enumerate().filter(|(_, &exits)| exits > 0);
    let first = buckets().next().map_or(0, |(bucket, _)| bucket);
    let last = buckets().next_back().map_or(0, |(bucket, _)| bucket);
    // A bucket more on either side, as far as there are.
    let (first, last) = (first.saturating_sub(1), (last + 1).min(histogram.len() - 1));
    let most = histogram.iter().copied().max().unwrap_or(1) as f64;
    let exits: u64 = histogram.iter().sum();

    paper::draw(paper::SIZE.1, |sheet| {
        let title = format!(
            "How long {} {name} exits took: {}",
            paper::number(exits as f64),
            recorded.title
        );
        // Where on a logarithmic axis of base 2 a number of cycles is.
        let at = |cycles: u64| (cycles.max(1) as f64).log2();
        let (begin, end) = (first as f64, last as f64 + 1.0);
        let mut chart = ChartBuilder::on(sheet)
            .caption(title, paper::text(20))
            .margin(12)
            .margin_right(30)
            .x_label_area_size(46)
            .y_label_area_size(70)
            .build_cartesian_2d(begin..end, 0.0..most * 1.18)?;
        let unit = if view.tsc_khz.is_some() {
            "time"
        } else {
            "cycles"
        };
        paper::plain(&mut chart.configure_mesh())
            .x_labels((last - first + 2).min(16))
            .x_desc(format!("{unit} to handle one, on the CPU, in the kernel; each bar is of times up to twice as long"))
            .y_desc("exits")
            .x_label_formatter(&|x| time(x.exp2()))
            .y_label_formatter(&paper::axis(most))
            .draw()?;
        for (bucket, &exits) in buckets() {
            let (x, y) = (bucket as f64, exits as f64);
            chart.draw_series([Rectangle::new(
                [(x + 0.04, 0.0), (x + 0.96, y)],
                paper::colour(0).filled(),
            )])?;
        }
        for (n, percent) in [50, 99].into_iter().enumerate() {
            let Some(cycles) = counters.percentile(percent) else {
                continue;
            };
            let x = at(cycles.max(bucket_begin(0)));
            let top = most * (1.14 - 0.08 * n as f64);
            let colour = paper::colour(3);
            chart.draw_series([PathElement::new(
                [(x, 0.0), (x, top)],
                colour.stroke_width(2),
            )])?;
            let text = format!("{percent} % took {} or less", time(cycles as f64));
            // On the side where there is room, and a bit off the line.
            let width = (end - begin) * 0.005;
            let (at, side) = if x > (begin + end) / 2.0 {
                (x - width, HPos::Right)
            } else {
                (x + width, HPos::Left)
            };
            let style = paper::text(14).pos(Pos::new(side, VPos::Top));
            chart.draw_series([Text::new(text, (at, top), style)])?;
        }
        Ok(())
    })
}
