// SPDX-License-Identifier: GPL-2.0

//! Named moments or values: vertical lines in a chart, with labels in rows above it.

use super::{
    font,
    paper::{Area, Drawn},
};
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

/// Height of a row of labels.
const ROW: i32 = 16;

/// Font size of labels.
const SIZE: u32 = 13;

/// Maximum width of a label.
const LONGEST: i32 = 180;

/// Spacing between a line and its label, and between labels.
const GAP: i32 = 4;

/// A line at `x` with a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// Position in pixels from the left.
    pub x: i32,
    /// The label.
    pub label: String,
}

/// Position of a label: the row from the top, and the horizontal range in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    row: usize,
    from: i32,
    to: i32,
}

/// Flags and their positions above a chart.
#[derive(Debug)]
pub struct Flags(Vec<(Flag, Option<Place>)>);

impl Flags {
    /// Places each label in one of at most `rows` rows, left of `right`. No label covers another label or a
    /// line. A label without space is omitted; its line stays.
    pub fn place(mut flags: Vec<Flag>, rows: usize, right: i32) -> Self {
        flags.sort_by_key(|flag| flag.x);
        let mut placed: Vec<(Flag, Option<Place>)> = Vec::new();
        for mut flag in flags {
            flag.label = font::shorten(&flag.label, SIZE, LONGEST);
            let width = font::width(&flag.label, SIZE);
            // To the right of the line, or to the left at the edge of the picture.
            let from = match flag.x + GAP + width {
                to if to <= right => flag.x + GAP,
                _ => flag.x - GAP - width,
            };
            let places = (0..rows).map(|row| Place {
                row,
                from,
                to: from + width,
            });
            let place = places
                .filter(|_| from >= 0 && width > 0)
                .find(|place| placed.iter().all(|other| fits(flag.x, *place, other)));
            placed.push((flag, place));
        }
        Self(placed)
    }

    /// Returns the height of the rows.
    pub fn height(&self) -> i32 {
        let rows = self
            .0
            .iter()
            .filter_map(|(_, place)| Some(place.as_ref()?.row + 1));
        rows.max().map_or(0, |rows| rows as i32 * ROW + GAP)
    }

    /// Draws the labels from `top` down, and their lines down to `bottom`.
    ///
    /// # Errors
    ///
    /// Drawing fails.
    pub fn draw(
        &self,
        area: &Area<'_>,
        (top, bottom): (i32, i32),
        line: ShapeStyle,
        text: impl Fn(u32) -> TextStyle<'static>,
    ) -> Drawn {
        for (flag, place) in &self.0 {
            let from = match place {
                Some(place) => top + place.row as i32 * ROW,
                None => top + self.height(),
            };
            area.draw(&PathElement::new([(flag.x, from), (flag.x, bottom)], line))?;
            if let Some(place) = place {
                let style = text(SIZE).pos(Pos::new(HPos::Left, VPos::Center));
                let at = (place.from, from + ROW / 2);
                area.draw(&Text::new(flag.label.clone(), at, style))?;
            }
        }
        Ok(())
    }
}

/// Returns whether a label may be placed next to a flag that is already placed.
fn fits(x: i32, place: Place, (other, others): &(Flag, Option<Place>)) -> bool {
    let Some(others) = others else { return true };
    // A line extends from its own row down through all rows below.
    let crosses = |x: i32, row: usize, label: Place| {
        label.row >= row && (label.from - GAP < x && x < label.to + GAP)
    };
    let apart =
        place.row != others.row || place.to + GAP <= others.from || others.to + GAP <= place.from;
    apart
        && (other.x == x || !crosses(x, place.row, *others) && !crosses(other.x, others.row, place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn flags(of: &[(i32, &str)]) -> Vec<Flag> {
        let flag = |&(x, label): &(i32, &str)| Flag {
            x,
            label: label.to_owned(),
        };
        of.iter().map(flag).collect()
    }

    fn rows(flags: &Flags) -> Vec<Option<usize>> {
        let rows = flags
            .0
            .iter()
            .map(|(_, place)| place.map(|place| place.row));
        rows.collect()
    }

    #[test]
    fn labels_that_are_near_each_other_have_rows_of_their_own() {
        let all = flags(&[
            (100, "disk write"),
            (110, "disk read"),
            (120, "x"),
            (400, "end"),
        ]);
        let placed = Flags::place(all.clone(), 6, 800);
        assert_eq!(rows(&placed), [Some(0), Some(1), Some(2), Some(0)]);
        assert_eq!(placed.height(), 3 * ROW + GAP);
        // Without space, the label is omitted and the line stays.
        let placed = Flags::place(all, 2, 800);
        assert_eq!(rows(&placed), [Some(0), Some(1), None, Some(0)]);
    }

    #[test]
    fn a_label_at_the_end_is_left_of_its_line() {
        let placed = Flags::place(flags(&[(790, "shutdown")]), 6, 800);
        let place = placed.0[0].1.unwrap();
        assert!(place.to < 790, "{place:?}");
    }

    proptest! {
        #[test]
        fn nothing_is_printed_over_a_label(
            all in proptest::collection::vec((0..800i32, "[a-z ]{1,30}"), 0..25),
            rows in 0..7usize,
        ) {
            let all = all.into_iter().map(|(x, label)| Flag { x, label }).collect();
            let placed = Flags::place(all, rows, 900).0;
            for (i, (_, place)) in placed.iter().enumerate() {
                let Some(place) = place else { continue };
                prop_assert!(place.from >= 0 && place.to <= 900 && place.row < rows);
                for (j, (other, others)) in placed.iter().enumerate() {
                    let Some(others) = others.filter(|_| i != j) else { continue };
                    let same_row = others.row == place.row;
                    prop_assert!(!same_row || others.to < place.from || place.to < others.from);
                    let through = others.row <= place.row && (place.from..=place.to).contains(&other.x);
                    prop_assert!(!through, "{:?} {:?} {:?}", place, other, others);
                }
            }
        }
    }
}
