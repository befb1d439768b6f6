// SPDX-License-Identifier: GPL-2.0

//! The clock of an exit: one vCPU's thread, preempted wherever it can be.
//!
//! Names match `exit_observer.{c,h}`. The script determines how much each exit should be charged,
//! independently of the hooks.

/// A flaw in the hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    /// The clock keeps running while the thread is scheduled out.
    NoSched,
    /// The time of an allocation is charged to the exit.
    NoAttachStop,
    /// A hook can be preempted between reading the TSC and finishing its work.
    NoGuard,
    /// A completed exit remains userspace's until the next one.
    UserEpochStays,
    /// KVM's completion of an exit is not charged to any exit.
    NoCompletion,
    /// A TSC that stepped back produces an exit of 2^64 cycles.
    NoClamp,
}

const NOT_ATTACHED: u32 = u32::MAX;

/// Cycles of the steps of a script. Each has a different size, so that no sum is right by chance.
const HANDLING: i64 = 1_000;
const ALLOCATION: i64 = 20_000;
const USERSPACE: i64 = 300_000;
const COMPLETION: i64 = 4_000_000;
const PAUSE: i64 = 50_000_000;
const AWAY: i64 = 600_000_000;

/// `struct kvm_observed`.
#[derive(Debug)]
struct Observed {
    clock: i64,
    user_cycles: i64,
    epoch: u32,
    attached_epoch: u32,
    user_epoch: u32,
}

/// What the module received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Told {
    exits: u64,
    cycles: i64,
    user_cycles: i64,
}

/// The vCPU's thread.
struct Thread {
    flaw: Option<Flaw>,
    now: i64,
    /// Points at which it is preempted: one bit each, the next one first.
    preempted_at: u32,
    /// Difference of the TSC on the CPU where it continues.
    tsc_step: i64,
    points: u32,
    epoch: u32,
    x: Observed,
    told: Told,
}

impl Thread {
    fn new(flaw: Option<Flaw>, preempted_at: u32, tsc_step: i64) -> Self {
        Self {
            flaw,
            now: 1 << 40,
            preempted_at,
            tsc_step,
            points: 0,
            epoch: 1,
            x: Observed {
                clock: 0,
                user_cycles: 0,
                epoch: 0,
                attached_epoch: NOT_ATTACHED,
                user_epoch: 0,
            },
            told: Told::default(),
        }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// `kvm_observe_sched()`.
    fn sched(&mut self) {
        if self.x.epoch != 0 && !self.has(Flaw::NoSched) {
            self.x.clock = self.now - self.x.clock;
        }
    }

    /// Is scheduled out and in: after a while, and possibly on a CPU with another clock.
    fn away(&mut self, cycles: i64) {
        self.sched();
        self.now += cycles + self.tsc_step;
        self.sched();
    }

    /// A point at which preemption is enabled.
    fn point(&mut self) {
        self.points += 1;
        if self.preempted_at & 1 == 1 {
            self.away(AWAY);
        }
        self.preempted_at >>= 1;
    }

    /// A point inside a hook, at which preemption should be disabled.
    fn guarded(&mut self) {
        if self.has(Flaw::NoGuard) {
            self.point();
        }
    }

    /// Works for this many cycles.
    fn spend(&mut self, cycles: i64) {
        self.point();
        self.now += cycles;
        self.point();
    }

    /// Returns the cycles since the clock's start, as `cycles` in the hooks. The module clamps it:
    /// `at_least_0()`.
    fn elapsed(&self, now: i64) -> i64 {
        if self.has(Flaw::NoClamp) {
            now - self.x.clock
        } else {
            (now - self.x.clock).max(0)
        }
    }

    /// `kvm_observe_exit_begin()`.
    fn exit_begin(&mut self) {
        self.x.clock = self.now;
        self.x.epoch = self.epoch;
    }

    fn is_attached(&self) -> bool {
        self.x.epoch == self.x.attached_epoch
    }

    /// `try_attach()`.
    fn try_attach(&mut self) {
        if self.x.epoch == 0 || self.x.epoch != self.epoch {
            return;
        }
        let epoch = self.x.epoch;
        if !self.has(Flaw::NoAttachStop) {
            self.x.clock = self.now - self.x.clock;
            self.x.epoch = 0;
        }
        self.spend(ALLOCATION);
        self.x.attached_epoch = epoch;
        if !self.has(Flaw::NoAttachStop) {
            self.x.clock = self.now - self.x.clock;
            self.x.epoch = epoch;
        }
    }

    /// `kvm_observe_exit_end()`.
    fn exit_end(&mut self) {
        if !self.is_attached() {
            self.try_attach();
        }
        if self.is_attached() {
            let now = self.now;
            self.guarded();
            self.told.exits += 1;
            self.told.cycles += self.elapsed(now);
        }
        self.x.epoch = 0;
    }

    /// `kvm_observe_run_loop_end()` with 0.
    fn user_exit(&mut self) {
        if !self.is_attached() {
            self.try_attach();
        }
        let now = self.now;
        self.guarded();
        if self.is_attached() {
            self.told.exits += 1;
            self.told.cycles += self.elapsed(now);
        }
        self.x.user_epoch = self.x.epoch;
        self.x.epoch = 0;
        self.x.clock = now;
    }

    /// `kvm_observe_run_begin()`.
    fn run_begin(&mut self) {
        if self.x.user_epoch != 0 {
            let now = self.now;
            self.x.user_cycles = self.elapsed(now);
            self.x.clock = now;
            self.guarded();
            if !self.has(Flaw::NoCompletion) {
                self.x.epoch = self.x.user_epoch;
            }
        }
    }

    /// `kvm_observe_completed()` if `r` is positive, otherwise `kvm_observe_not_completed()`.
    fn completed(&mut self, r: i32) {
        if self.has(Flaw::NoCompletion) && self.x.user_epoch != 0 {
            self.told.user_cycles += self.x.user_cycles;
            self.x.user_epoch = 0;
        }
        if self.x.epoch == 0 {
            return;
        }
        let now = self.now;
        self.guarded();
        if self.is_attached() {
            self.told.user_cycles += self.x.user_cycles;
            self.told.cycles += self.elapsed(now);
        }
        self.x.clock = now;
        self.x.epoch = 0;
        if r != 0 && !self.has(Flaw::UserEpochStays) {
            self.x.user_epoch = 0;
        }
    }

    /// An exit that KVM handles.
    fn handled(&mut self) {
        self.exit_begin();
        self.spend(HANDLING);
        self.exit_end();
    }

    /// An exit that userspace finishes, and KVM completes over this many further calls of KVM_RUN.
    fn finished_by_user(&mut self, calls: u32) {
        self.exit_begin();
        self.spend(HANDLING);
        self.user_exit();
        for left in (0..calls).rev() {
            self.away(USERSPACE);
            self.run_begin();
            self.spend(COMPLETION);
            let r = i32::from(left == 0);
            self.completed(r);
        }
    }

    /// KVM_RUN returns for a signal, and is called again after a while.
    fn paused(&mut self) {
        self.completed(-4);
        self.away(PAUSE);
        self.run_begin();
        self.completed(1);
    }
}

/// Runs a script with every choice of points at which the thread is preempted.
fn explore(flaw: Option<Flaw>, tsc_step: i64, script: impl Fn(&mut Thread), expected: Told) {
    let mut counting = Thread::new(flaw, 0, 0);
    script(&mut counting);
    assert!(counting.points <= 20, "{} points", counting.points);
    for preempted_at in 0..1 << counting.points {
        let mut thread = Thread::new(flaw, preempted_at, tsc_step);
        script(&mut thread);
        assert_eq!(thread.told, expected, "preempted at {preempted_at:#b}");
    }
}

/// Two exits that KVM handles; the first finds no data.
fn two(thread: &mut Thread) {
    thread.handled();
    thread.handled();
}

const TWO: Told = Told {
    exits: 2,
    cycles: 2 * HANDLING,
    user_cycles: 0,
};

/// An exit that userspace finishes by two calls of KVM_RUN, then a pause of the VM.
fn user(thread: &mut Thread) {
    thread.finished_by_user(2);
    thread.paused();
}

const USER: Told = Told {
    exits: 1,
    cycles: HANDLING + 2 * COMPLETION,
    user_cycles: 2 * USERSPACE,
};

#[test]
fn handling_is_the_time_on_the_cpu() {
    explore(None, 0, two, TWO);
}

/// CPUs whose clocks differ in either direction, by more than the thread was away.
#[test]
fn clocks_that_differ_do_not_matter_to_handling() {
    for step in [-2 * AWAY, -1, 1, 2 * AWAY] {
        explore(None, step, two, TWO);
    }
}

#[test]
fn userspace_and_completion_are_told_apart_and_a_pause_is_nobodys() {
    explore(None, 0, user, USER);
}

/// Userspace time is wall time; the rest is unchanged.
#[test]
fn a_clock_that_is_behind_leaves_userspace_no_time() {
    let expected = Told {
        user_cycles: 0,
        ..USER
    };
    explore(None, -2 * USERSPACE, user, expected);
}

/// On one CPU, without being scheduled out.
#[test]
fn a_clock_that_steps_back_leaves_no_time() {
    let back = |thread: &mut Thread| {
        two(thread);
        thread.exit_begin();
        thread.now -= HANDLING;
        thread.exit_end();
    };
    explore(None, 0, back, Told { exits: 3, ..TWO });
}

/// An exit that is open while one module goes and another comes.
#[test]
fn an_exit_of_another_registration_is_ignored() {
    let reload = |thread: &mut Thread| {
        thread.handled();
        thread.exit_begin();
        thread.spend(HANDLING);
        thread.epoch = 2;
        thread.x.attached_epoch = 2;
        thread.exit_end();
        thread.handled();
    };
    explore(None, 0, reload, TWO);
}

/// The same while userspace has the exit.
#[test]
fn userspaces_time_for_another_registration_is_ignored() {
    let reload = |thread: &mut Thread| {
        thread.exit_begin();
        thread.spend(HANDLING);
        thread.user_exit();
        thread.away(USERSPACE);
        thread.epoch = 2;
        thread.x.attached_epoch = 2;
        thread.run_begin();
        thread.spend(COMPLETION);
        thread.completed(1);
        thread.handled();
    };
    explore(None, 0, reload, TWO);
}

#[test]
#[should_panic(expected = "preempted at")]
fn a_clock_that_runs_on_charges_the_time_away() {
    explore(Some(Flaw::NoSched), 0, two, TWO);
}

#[test]
#[should_panic(expected = "preempted at")]
fn an_allocation_with_the_clock_running_is_charged() {
    explore(Some(Flaw::NoAttachStop), 0, two, TWO);
}

#[test]
#[should_panic(expected = "preempted at")]
fn a_hook_that_is_preempted_charges_the_time_away() {
    explore(Some(Flaw::NoGuard), 0, user, USER);
}

#[test]
#[should_panic(expected = "preempted at")]
fn a_completed_exit_that_stays_userspaces_is_charged_with_a_pause() {
    explore(Some(Flaw::UserEpochStays), 0, user, USER);
}

#[test]
#[should_panic(expected = "preempted at")]
fn without_completion_its_time_is_missing() {
    explore(Some(Flaw::NoCompletion), 0, user, USER);
}

#[test]
#[should_panic(expected = "preempted at")]
fn without_a_clamp_a_clock_that_steps_back_is_seen() {
    let back = |thread: &mut Thread| {
        two(thread);
        thread.exit_begin();
        thread.now -= HANDLING;
        thread.exit_end();
    };
    explore(Some(Flaw::NoClamp), 0, back, Told { exits: 3, ..TWO });
}
