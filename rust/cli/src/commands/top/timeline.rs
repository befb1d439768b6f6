// SPDX-License-Identifier: GPL-2.0

//! Timeline of a recording: when each snapshot was taken, and the marks.

/// A snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// When it was taken, in nanoseconds since 1970.
    pub realtime: u64,
    /// Marks at this moment.
    pub marks: Vec<String>,
}

/// The snapshots of a recording, in order. There is at least one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline(Vec<Moment>);

impl Timeline {
    /// Returns the timeline of these snapshots; `None` if there are none.
    #[must_use]
    pub fn new(moments: Vec<Moment>) -> Option<Self> {
        (!moments.is_empty()).then_some(Self(moments))
    }

    /// Returns the index of the last snapshot.
    #[must_use]
    pub fn last(&self) -> usize {
        self.0.len() - 1
    }

    /// Returns the index of the first snapshot that ends an interval, or of the only one.
    #[must_use]
    pub fn start(&self) -> usize {
        self.last().min(1)
    }

    /// Returns the seconds from the first snapshot to this one.
    #[must_use]
    pub fn seconds(&self, at: usize) -> f64 {
        let passed = self.0[at].realtime.saturating_sub(self.0[0].realtime);
        passed as f64 / 1e9
    }

    /// Returns the mark before the interval that a snapshot ends.
    #[must_use]
    pub fn phase(&self, at: usize) -> Option<&str> {
        let passed = &self.0[..at];
        let mut marks = passed.iter().rev().filter_map(|moment| moment.marks.last());
        marks.next().map(String::as_str)
    }

    /// Returns the end of the first interval of the next phase, or the last snapshot.
    #[must_use]
    pub fn next_phase(&self, at: usize) -> usize {
        self.phases()
            .find(|&phase| phase > at)
            .unwrap_or(self.last())
    }

    /// Returns the end of the first interval of this phase. If `at` is not after it, returns that of the
    /// previous phase, or of the recording.
    #[must_use]
    pub fn previous_phase(&self, at: usize) -> usize {
        let before = self.phases().take_while(|&phase| phase < at);
        before.last().unwrap_or(self.start())
    }

    /// Iterates over the snapshots with marks.
    pub fn marked(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.0.len()).filter(|&at| !self.0[at].marks.is_empty())
    }

    /// Iterates over the ends of the phases' first intervals. A mark of the last snapshot has none.
    fn phases(&self) -> impl Iterator<Item = usize> + '_ {
        self.marked()
            .map(|at| at + 1)
            .filter(|&at| at <= self.last())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Creates a timeline with snapshots every second and these marks.
    fn timeline(all: &[&str]) -> Timeline {
        let moment = |(at, marks): (usize, &&str)| Moment {
            realtime: at as u64 * 1_000_000_000,
            marks: marks.split_whitespace().map(str::to_owned).collect(),
        };
        Timeline::new(all.iter().enumerate().map(moment).collect()).unwrap()
    }

    #[test]
    fn marks_begin_phases() {
        let line = timeline(&["", "boot", "", "a b", "", "end"]);
        let phases: Vec<_> = (0..6).map(|at| line.phase(at)).collect();
        let (boot, b) = (Some("boot"), Some("b"));
        assert_eq!(phases, [None, None, boot, boot, b, b]);
        let next: Vec<_> = (1..6).map(|at| line.next_phase(at)).collect();
        assert_eq!(next, [2, 4, 4, 5, 5]);
        let previous: Vec<_> = (1..6).map(|at| line.previous_phase(at)).collect();
        assert_eq!(previous, [1, 1, 2, 2, 4]);
        assert_eq!(line.seconds(3), 3.0);
    }

    #[test]
    fn one_snapshot_is_a_timeline_and_none_is_not() {
        let line = timeline(&["only"]);
        assert_eq!((line.start(), line.last()), (0, 0));
        assert_eq!((line.next_phase(0), line.previous_phase(0)), (0, 0));
        assert_eq!(Timeline::new(Vec::new()), None);
    }
}
