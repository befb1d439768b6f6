// SPDX-License-Identifier: GPL-2.0

//! What `top` shows, and how keys change it.

use crate::{
    cli::{RowsArgs, Sort},
    detail::Rows,
    model::{Period, Sample, Scope},
    reason::Reason,
    view::View,
};
use clap::ValueEnum;
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::{
    borrow::Cow,
    collections::{BTreeMap, VecDeque},
};

/// Rates that are kept for the sparkline; as many columns as a wide terminal has.
const HISTORY: usize = 400;

/// A VM in its pane, or all of them.
#[derive(Clone, Debug, PartialEq)]
pub struct VmLine {
    /// The VM; `None` for the whole host.
    pub vm: Option<u64>,
    /// Its process, and the process's name.
    pub process: Option<(u32, String)>,
    /// vCPUs that had an exit.
    pub vcpus: usize,
    /// Exits in the interval.
    pub exits: u64,
    /// Exits a second.
    pub rate: f64,
    /// CPUs' worth of time that was spent handling exits, if the TSC's frequency is known.
    pub cpus: Option<f64>,
}

/// What the keys do at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// What the help says.
    Normal,
    /// They go into the filter.
    Filter,
    /// Any of them ends the help.
    Help,
}

/// Where the keys choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pane {
    /// A VM.
    #[default]
    Vms,
    /// A reason.
    Reasons,
    /// Nothing: it shows what the reason's exits were about.
    Details,
}

/// What is shown.
#[derive(Debug)]
pub struct App {
    first: Sample,
    last: Sample,
    period: Period,
    /// Exits a second of the host, and of VMs.
    rates: BTreeMap<Option<u64>, VecDeque<u64>>,
    /// The VM that is chosen.
    pub chosen: Option<u64>,
    /// Order of the reasons.
    pub sort: Sort,
    /// Only reasons with this in their names.
    pub filter: String,
    /// What keys do.
    pub mode: Mode,
    /// Counts since the start, not of the interval.
    pub cumulative: bool,
    /// Where the keys choose.
    pub pane: Pane,
    /// The reason that is chosen, once there was a choice.
    pub reason: Option<Reason>,
    /// Rows of reasons, or of details, above the first that is shown.
    pub above: usize,
    paused: bool,
    ended: bool,
}

impl App {
    /// Of the first sample.
    pub fn new(first: Sample) -> Self {
        Self {
            period: Period::between(&first, &first),
            last: first.clone(),
            first,
            rates: BTreeMap::new(),
            chosen: None,
            sort: Sort::Cycles,
            filter: String::new(),
            mode: Mode::Normal,
            cumulative: false,
            pane: Pane::default(),
            reason: None,
            above: 0,
            paused: false,
            ended: false,
        }
    }

    /// There is a new sample.
    pub fn sample(&mut self, sample: Sample) {
        self.period = Period::between(&self.last, &sample);
        if self.period.reloads > 0 {
            self.first = self.last.clone();
        }
        self.last = sample;
        self.ended = false;
        let lines = self.vms();
        for line in &lines {
            let rates = self.rates.entry(line.vm).or_default();
            rates.push_back(line.rate.round() as u64);
            if rates.len() > HISTORY {
                rates.pop_front();
            }
        }
        // Numbers of VMs are not used again, but their histories would stay.
        self.rates
            .retain(|vm, _| lines.iter().any(|line| line.vm == *vm));
        if !lines.iter().any(|line| line.vm == self.chosen) {
            self.chosen = None;
        }
    }

    /// The recording has no more.
    pub fn at_end(&mut self) {
        self.ended = true;
    }

    /// Whether nothing new shall be shown.
    pub fn paused(&self) -> bool {
        self.paused
    }

    /// Whether there is nothing new.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// How long the interval was.
    pub fn seconds(&self) -> f64 {
        self.period.seconds.map_or(0.0, |seconds| seconds.0)
    }

    /// When it ended, in nanoseconds since 1970.
    pub fn realtime(&self) -> u64 {
        self.last.header.realtime
    }

    /// The host and its VMs.
    pub fn vms(&self) -> Vec<VmLine> {
        let counts = &self.last.counts;
        let vms = counts.vms();
        let host = VmLine {
            vcpus: counts.vcpus.len(),
            ..self.line(None)
        };
        let of_vm = |vm| VmLine {
            vcpus: counts.vcpus_of(vm).count(),
            process: counts
                .vcpus_of(vm)
                .next()
                .map(|(_, vcpu)| (vcpu.pid, vcpu.process.clone())),
            ..self.line(Some(vm))
        };
        [host]
            .into_iter()
            .chain(vms.into_iter().map(of_vm))
            .collect()
    }

    fn line(&self, vm: Option<u64>) -> VmLine {
        let view = View::of_interval(&self.period, scope(vm), &RowsArgs::default());
        let tally = view.total.line.tally;
        let seconds = self.seconds();
        let a_second = |amount: f64| if seconds > 0.0 { amount / seconds } else { 0.0 };
        VmLine {
            vm,
            process: None,
            vcpus: 0,
            exits: tally.exits,
            rate: a_second(tally.exits as f64),
            cpus: view.seconds_of(tally.cycles as f64).map(a_second),
        }
    }

    /// The reasons of the VM that is chosen.
    pub fn reasons(&self) -> View {
        let wanted = self.filter.to_ascii_uppercase().replace('-', "_");
        let mut args = RowsArgs {
            sort: self.sort,
            ..RowsArgs::default()
        };
        let period = &*self.shown();
        let mut view = View::of_interval(period, scope(self.chosen), &args);
        if !wanted.is_empty() {
            view.rows.retain(|row| row.name().contains(&wanted));
        }
        // So that there is something to see of what is filtered for.
        args.all = view.rows.is_empty() && !wanted.is_empty();
        if args.all {
            let all = Reason::all(period.end.isa());
            let like = all.filter(|reason| reason.to_string().contains(&wanted));
            args.reason = like.map(Into::into).collect();
            if !args.reason.is_empty() {
                view.rows = View::of_interval(period, scope(self.chosen), &args).rows;
            }
        }
        view
    }

    /// The period that is shown.
    fn shown(&self) -> Cow<'_, Period> {
        match self.cumulative {
            true => Cow::Owned(Period::between(&self.first, &self.last)),
            false => Cow::Borrowed(&self.period),
        }
    }

    /// What the exits of the reason that is chosen were about; `None` if it was not captured. They are in the
    /// reasons' order if they have what it goes by, else by exits.
    pub fn details(&self) -> Option<Rows> {
        let period = self.shown();
        let details = period.captured()?;
        let reason = self.reason?;
        // The VM may be gone since.
        let rows = Rows::of(&period, details, scope(self.chosen), &[reason.into()]);
        let mut rows = rows.unwrap_or_default();
        rows.sort(|counts| match self.sort {
            Sort::Cycles => counts.cycles,
            Sort::User => counts.user_exits,
            Sort::Max => counts.longest,
            Sort::Avg => counts.cycles / counts.exits.max(1),
            Sort::Exits | Sort::P99 | Sort::Reason => counts.exits,
        });
        Some(rows)
    }

    /// Seconds that are shown.
    pub fn shown_seconds(&self) -> f64 {
        self.shown().seconds.map_or(0.0, |seconds| seconds.0)
    }

    /// Exits a second of the VM that is chosen, the newest last.
    pub fn rates(&self) -> Vec<u64> {
        let rates = self.rates.get(&self.chosen);
        rates.map_or_else(Vec::new, |rates| rates.iter().copied().collect())
    }

    /// A key was pressed; true ends it all.
    pub fn key(&mut self, key: KeyEvent) -> bool {
        if key.kind == KeyEventKind::Release {
            return false;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if control && key.code == KeyCode::Char('c') {
            return true;
        }
        match self.mode {
            Mode::Help => self.mode = Mode::Normal,
            Mode::Filter => self.edit(key.code),
            Mode::Normal => return self.command(key.code),
        }
        false
    }

    fn edit(&mut self, key: KeyCode) {
        match key {
            KeyCode::Enter => self.mode = Mode::Normal,
            KeyCode::Esc => {
                self.filter.clear();
                self.mode = Mode::Normal;
            }
            KeyCode::Backspace => {
                self.filter.pop();
            }
            // Names have no other characters.
            KeyCode::Char(c) if c.is_ascii_alphanumeric() || c == '_' || c == '-' => {
                self.filter.push(c);
            }
            _ => (),
        }
        self.above = 0;
    }

    fn command(&mut self, key: KeyCode) -> bool {
        match key {
            KeyCode::Char('q') => return true,
            KeyCode::Char('?' | 'h') | KeyCode::F(1) => self.mode = Mode::Help,
            KeyCode::Char('p' | ' ') => self.paused = !self.paused,
            KeyCode::Char('/') => self.mode = Mode::Filter,
            KeyCode::Enter => self.enter(),
            KeyCode::Esc => self.back(),
            KeyCode::Char('c') => self.cumulative = !self.cumulative,
            KeyCode::Char('s') => self.next_sort(1),
            KeyCode::Char('S') => self.next_sort(Sort::value_variants().len() - 1),
            KeyCode::Up | KeyCode::Char('k') => self.choose(|at, _| at.saturating_sub(1)),
            KeyCode::Down | KeyCode::Char('j') => {
                self.choose(|at, last| last.min(at.saturating_add(1)));
            }
            KeyCode::Home => self.choose(|_, _| 0),
            KeyCode::End => self.choose(|_, last| last),
            KeyCode::PageUp => self.above = self.above.saturating_sub(10),
            KeyCode::PageDown => self.above = self.above.saturating_add(10),
            _ => (),
        }
        false
    }

    fn next_sort(&mut self, step: usize) {
        let all = Sort::value_variants();
        let at = all.iter().position(|sort| *sort == self.sort).unwrap_or(0);
        self.sort = all[(at + step) % all.len()];
    }

    /// Into what is chosen.
    fn enter(&mut self) {
        self.pane = match self.pane {
            Pane::Vms => Pane::Reasons,
            Pane::Reasons if self.reason.is_some() => Pane::Details,
            pane => pane,
        };
        self.above = 0;
        if self.pane == Pane::Reasons {
            self.choose(|at, _| at);
        }
    }

    /// Out of it; and at last what is shown is not filtered any more.
    fn back(&mut self) {
        match self.pane {
            Pane::Vms => self.filter.clear(),
            Pane::Reasons => self.pane = Pane::Vms,
            Pane::Details => self.pane = Pane::Reasons,
        }
        self.above = 0;
    }

    /// Another one of those that there are, by where it is and where the last is.
    fn choose(&mut self, other: impl FnOnce(usize, usize) -> usize) {
        match self.pane {
            Pane::Vms => {
                let vms: Vec<_> = self.vms().iter().map(|line| line.vm).collect();
                if let Some(vm) = chosen(&vms, self.chosen, other) {
                    self.chosen = vm;
                    self.above = 0;
                }
            }
            Pane::Reasons => {
                let rows = self.reasons().rows;
                let reasons: Vec<_> = rows.iter().map(|row| row.reason).collect();
                self.reason = chosen(&reasons, self.reason, other).flatten();
            }
            Pane::Details => self.above = other(self.above, usize::MAX),
        }
    }
}

/// Another one than `now`, or the first.
fn chosen<T: Copy + PartialEq>(
    all: &[T],
    now: T,
    other: impl FnOnce(usize, usize) -> usize,
) -> Option<T> {
    let at = all.iter().position(|one| *one == now).unwrap_or(0);
    all.get(other(at, all.len().saturating_sub(1))).copied()
}

fn scope(vm: Option<u64>) -> Scope {
    vm.map_or(Scope::Host, Scope::Vm)
}

/// A reason's number and name.
pub fn reason_name(reason: Option<Reason>) -> String {
    reason.map_or_else(String::new, |reason| {
        format!("{:>2} {reason}", reason.number())
    })
}
