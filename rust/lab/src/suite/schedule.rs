// SPDX-License-Identifier: GPL-2.0

//! Schedule of a suite with a time limit: which scenarios still fit.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

/// Time that running scenarios get after the suite's time is over. Then they are stopped.
const OVERTIME: Duration = Duration::from_secs(6 * 60);

/// Time of a suite. The scenarios' estimates are for the authors' machine; the scenarios that ended tell how
/// fast this machine is.
pub struct Schedule {
    begin: Instant,
    within: Option<Duration>,
    /// Estimated and actual time of the scenarios that ended, in total.
    ended: Mutex<(Duration, Duration)>,
}

impl Schedule {
    /// Starts a schedule that is over after `within`, if given.
    pub fn new(within: Option<Duration>) -> Self {
        Self {
            begin: Instant::now(),
            within,
            ended: Mutex::new((Duration::ZERO, Duration::ZERO)),
        }
    }

    /// Returns the time at which running scenarios are stopped.
    pub fn end(&self) -> Option<Instant> {
        Some(self.begin + self.within? + OVERTIME)
    }

    /// Checks that a scenario with this estimate would end in time. The error has the reason.
    pub fn has_room_for(&self, said: Duration) -> Result<(), String> {
        let Some(within) = self.within else {
            return Ok(());
        };
        let left = within.saturating_sub(self.begin.elapsed());
        let expected = said.mul_f64(self.slowness());
        if expected <= left {
            return Ok(());
        }
        Err(format!(
            "it takes {} minutes here, {} are left",
            expected.as_secs().div_ceil(60),
            left.as_secs() / 60
        ))
    }

    /// Records that a scenario with the estimate `said` ended after `took`.
    pub fn ended(&self, said: Duration, took: Duration) {
        if let Ok(mut ended) = self.ended.lock() {
            ended.0 += said;
            ended.1 += took;
        }
    }

    /// Returns the ratio of actual to estimated time on this machine, at least 1.
    fn slowness(&self) -> f64 {
        match self.ended.lock() {
            Ok(ended) if !ended.0.is_zero() => {
                (ended.1.as_secs_f64() / ended.0.as_secs_f64()).max(1.0)
            }
            _ => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::minutes, *};

    #[test]
    fn without_a_limit_all_has_room() {
        let schedule = Schedule::new(None);
        assert!(schedule.end().is_none());
        assert_eq!(schedule.has_room_for(minutes(100_000)), Ok(()));
    }

    #[test]
    fn what_takes_longer_than_is_left_has_no_room() {
        let schedule = Schedule::new(Some(minutes(30)));
        assert_eq!(schedule.has_room_for(minutes(29)), Ok(()));
        let why = schedule.has_room_for(minutes(31)).unwrap_err();
        assert_eq!(why, "it takes 31 minutes here, 29 are left");
    }

    #[test]
    fn a_slow_machine_is_given_less_to_do() {
        let schedule = Schedule::new(Some(minutes(30)));
        schedule.ended(minutes(10), minutes(20));
        assert_eq!(schedule.has_room_for(minutes(14)), Ok(()));
        assert!(schedule.has_room_for(minutes(16)).is_err());
    }

    #[test]
    fn a_fast_machine_is_given_what_the_times_say() {
        let schedule = Schedule::new(Some(minutes(30)));
        schedule.ended(minutes(10), minutes(1));
        assert!(schedule.has_room_for(minutes(31)).is_err());
    }
}
