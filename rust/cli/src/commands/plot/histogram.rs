// SPDX-License-Identifier: GPL-2.0

//! Histogram of the handling times of exits with one reason.

use super::{
    axis::Axis,
    colours,
    flags::{Flag, Flags},
    number::{logarithmic_ticks, number, seconds},
    paper::{Failed, Paper, MARGIN},
    Recorded,
};
use crate::{
    error::Error,
    model::Counters,
    reason::{Reason, Wanted},
    view::View,
};
use exitstat_core::histogram::bucket_begin;
use plotters::prelude::*;

/// Space for the labels of the axes.
const AXES: (u32, u32) = (66, 46);

/// Ratio between the fullest and the emptiest bucket from which the axis of exits is logarithmic.
const WIDE: u64 = 1000;

/// Start of a logarithmic axis of exits. It is below 1, so that the bar of a single exit is visible.
const BELOW_ONE: f64 = 0.5;

/// Draws the histogram.
///
/// # Errors
///
/// There were no such exits, or their times were not counted. Drawing can also fail, in the inner result.
pub fn draw(
    paper: &Paper,
    recorded: &Recorded,
    wanted: Wanted,
) -> Result<Result<String, Failed>, Error> {
    let mut rows = recorded.all.rows.iter();
    let row = rows.find(|row| row.reason.is_some_and(|reason| wanted.is(reason)));
    let reason = row.and_then(|row| row.reason).or(wanted.reasons().next());
    let detail = row.and_then(|row| row.line.detail.as_ref());
    match (reason, detail.filter(|detail| !detail.histogram.is_zero())) {
        (Some(reason), Some(detail)) => Ok(picture(paper, recorded, reason, detail)),
        (reason, _) => Err(Error::Usage(format!(
            "no histogram of {} exits ({}): there were none, or no histogram was counted",
            reason.map_or_else(String::new, |reason| reason.to_string()),
            recorded.all.subject
        ))),
    }
}

fn picture(
    paper: &Paper,
    recorded: &Recorded,
    reason: Reason,
    counters: &Counters,
) -> Result<String, Failed> {
    let view = &recorded.all;
    let histogram = counters.histogram.buckets();
    let buckets = || histogram.iter().enumerate().filter(|(_, &exits)| exits > 0);
    let first = buckets().next().map_or(0, |(bucket, _)| bucket);
    let last = buckets().next_back().map_or(0, |(bucket, _)| bucket);
    // One more bucket on either side, if there is one.
    let (first, last) = (first.saturating_sub(1), (last + 1).min(histogram.len() - 1));
    let (begin, end) = (first as f64, last as f64 + 1.0);
    let times = Times::of(view, (begin, end), paper.width() / 75);
    let heights = Heights::of(&histogram);

    let exits: u64 = histogram.iter().sum();
    let title = format!(
        "Handling time of {} {reason} {}: {}",
        number(exits as f64),
        if exits == 1 { "exit" } else { "exits" },
        recorded.of
    );
    paper.draw(paper.height(), (&title, &recorded.about), |area| {
        let (left, right) = (MARGIN + AXES.0 as i32, paper.width() - 3 * MARGIN);
        let flags = [50, 99].into_iter().filter_map(|percent| {
            let cycles = counters.percentile(percent)?;
            // Position of the cycles on the axis.
            let at = (cycles.max(bucket_begin(0)).max(1) as f64)
                .log2()
                .clamp(begin, end);
            let x = (at - begin) / (end - begin) * f64::from(right - left);
            Some(Flag {
                x: left + x.round() as i32,
                label: format!("{percent} % took {} or less", times.text(cycles as f64)),
            })
        });
        let flags = Flags::place(flags.collect(), 2, right + 2 * MARGIN);
        let bottom = paper.height() - MARGIN - AXES.1 as i32;

        let mut chart = ChartBuilder::on(area)
            .margin(MARGIN)
            .margin_top(flags.height())
            .margin_right(3 * MARGIN)
            .x_label_area_size(AXES.1)
            .y_label_area_size(AXES.0)
            .build_cartesian_2d(
                Axis::new(begin, end, &times.ticks),
                Axis::new(heights.begin, heights.end, &heights.ticks),
            )?;
        paper
            .theme
            .mesh(&mut chart.configure_mesh())
            .x_desc(times.title())
            .y_desc(heights.title())
            .x_label_formatter(&|x| times.text(x.exp2()))
            .y_label_formatter(&|y| number(heights.exits(*y)))
            .draw()?;
        let colour = colours::of(reason);
        for (bucket, &exits) in buckets() {
            let (x, y) = (bucket as f64, heights.of_bar(exits));
            let corners = [(x + 0.04, heights.begin), (x + 0.96, y)];
            chart.draw_series([Rectangle::new(corners, colour.filled())])?;
        }
        let line = paper.theme.text.stroke_width(2);
        flags.draw(area, (0, bottom), line, |size| paper.theme.text(size))
    })
}

/// Axis of times: logarithmic, base 2, in cycles.
struct Times {
    /// Length of a cycle in seconds, if it is known.
    cycle: Option<f64>,
    /// Positions of labels.
    ticks: Vec<f64>,
}

impl Times {
    fn of(view: &View, (begin, end): (f64, f64), most: i32) -> Self {
        let cycle = view.seconds_of(1.0);
        let unit = cycle.unwrap_or(1.0);
        let most = most.unsigned_abs() as usize;
        let ticks = logarithmic_ticks(begin.exp2() * unit, end.exp2() * unit, most);
        Self {
            cycle,
            ticks: ticks.into_iter().map(|tick| (tick / unit).log2()).collect(),
        }
    }

    fn text(&self, cycles: f64) -> String {
        match self.cycle {
            Some(cycle) => seconds(cycles * cycle),
            None => number(cycles),
        }
    }

    fn title(&self) -> String {
        let unit = match self.cycle {
            Some(_) => "time",
            None => "cycles",
        };
        format!("{unit} in the kernel per exit (logarithmic; each bar spans a factor of two)")
    }
}

/// Axis of exits.
struct Heights {
    is_logarithmic: bool,
    begin: f64,
    end: f64,
    /// Positions of labels.
    ticks: Vec<f64>,
}

impl Heights {
    fn of(histogram: &[u64]) -> Self {
        let most = histogram.iter().copied().max().unwrap_or(1).max(1);
        let least = histogram.iter().copied().filter(|&exits| exits > 0).min();
        let is_logarithmic = most / least.unwrap_or(1) >= WIDE;
        if is_logarithmic {
            let end = most as f64 * 1.5;
            let ticks = logarithmic_ticks(1.0, end, 9);
            return Self {
                is_logarithmic,
                begin: BELOW_ONE.log10(),
                end: end.log10(),
                ticks: ticks.into_iter().map(f64::log10).collect(),
            };
        }
        let end = most as f64 * 1.05;
        // A step of 1, 2 or 5 times a power of ten, at least 1, with at most nine steps.
        let steps = logarithmic_ticks(1.0, end.max(10.0), usize::MAX);
        let step = steps.into_iter().find(|step| end / step <= 9.0);
        let step = step.unwrap_or(end);
        Self {
            is_logarithmic,
            begin: 0.0,
            end,
            ticks: (0..=(end / step) as u32)
                .map(|n| f64::from(n) * step)
                .collect(),
        }
    }

    /// Returns the height of the bar of a number of exits.
    fn of_bar(&self, exits: u64) -> f64 {
        match self.is_logarithmic {
            true => (exits as f64).log10(),
            false => exits as f64,
        }
    }

    /// Returns the number of exits for a height.
    fn exits(&self, height: f64) -> f64 {
        match self.is_logarithmic {
            true => 10_f64.powf(height).round(),
            false => height,
        }
    }

    fn title(&self) -> &'static str {
        match self.is_logarithmic {
            true => "exits (logarithmic)",
            false => "exits",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exits_that_differ_much_have_a_logarithmic_axis() {
        let axis = Heights::of(&[0, 3, 2900, 40]);
        assert_eq!((axis.title(), axis.begin), ("exits", 0.0));
        assert_eq!(
            axis.ticks,
            [0.0, 500.0, 1000.0, 1500.0, 2000.0, 2500.0, 3000.0]
        );
        let axis = Heights::of(&[0, 1, 2900, 40]);
        assert_eq!(axis.title(), "exits (logarithmic)");
        assert!(axis.begin < axis.of_bar(1) && axis.of_bar(2900) < axis.end);
        let labels: Vec<_> = axis.ticks.iter().map(|tick| axis.exits(*tick)).collect();
        assert_eq!(labels, [1.0, 10.0, 100.0, 1000.0]);
    }

    #[test]
    fn a_single_exit_has_whole_numbers() {
        assert_eq!(Heights::of(&[1]).ticks, [0.0, 1.0]);
    }
}
