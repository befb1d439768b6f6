// SPDX-License-Identifier: GPL-2.0

//! State of the live view, and its changes by keys.

use super::{
    details,
    history::History,
    listing::Listing,
    playback::Playback,
    reasons,
    step::{Span, Step},
    timeline::Timeline,
    who,
};
use crate::{
    counted_by::CountedBy,
    model::{Period, Scope},
    reason::Reason,
    view::{with_name, Subject},
};
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::collections::BTreeMap;

/// Current meaning of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As listed in the help.
    Normal,
    /// Keys edit the filter.
    Filter,
    /// Keys scroll or close the help.
    Help,
}

/// A table that keys can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pane {
    /// VMs, or the vCPUs of one.
    Who,
    /// Exit reasons.
    Reasons,
    /// Details of a reason's exits.
    Details,
}

/// Request of a key to the owner of the snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Nothing.
    Nothing,
    /// Show this snapshot, over the selected span.
    Show(usize),
    /// Quit.
    Quit,
}

/// State of the live view.
#[derive(Debug)]
pub struct App {
    /// State of the playback.
    pub playback: Playback,
    step: Step,
    history: History<(Option<u64>, Option<u64>)>,
    /// Current meaning of keys.
    pub mode: Mode,
    /// The table that keys act on.
    pub pane: Pane,
    span: Span,
    vm: Option<u64>,
    vcpu: Option<u64>,
    per_vcpu: bool,
    reason: Option<Reason>,
    detail: usize,
    vms: Listing,
    vcpus: Listing,
    reasons: Listing,
    details: Listing,
    /// Number of help lines scrolled out at the top; drawing limits it.
    pub help_above: usize,
    /// Why the last key had no effect.
    pub note: Option<&'static str>,
}

impl App {
    /// Starts with the first screen. The timeline is that of the recording, if there is one.
    #[must_use]
    pub fn new(timeline: Option<Timeline>, step: Step) -> Self {
        let timed = CountedBy::of(&step.interval.end).has_times();
        let order = if timed { "time" } else { "exits" };
        let mut app = Self {
            playback: Playback::new(timeline),
            step: step.clone(),
            history: History::default(),
            mode: Mode::Normal,
            pane: Pane::Who,
            span: Span::Interval,
            vm: None,
            vcpu: None,
            per_vcpu: false,
            reason: None,
            detail: 0,
            vms: Listing::by(&who::VMS, order),
            vcpus: Listing::by(&who::VCPUS, order),
            reasons: Listing::by(&reasons::COLUMNS, order),
            details: Listing::by(&details::COLUMNS, order),
            help_above: 0,
            note: None,
        };
        app.show(step);
        app
    }

    /// Shows another snapshot, or the same one over another span.
    pub fn show(&mut self, step: Step) {
        let interval = &step.interval;
        let all = Listing::default();
        let mut rates = BTreeMap::new();
        for vm in who::vms(interval, &all) {
            rates.insert((vm.id, None), vm.whole_rate());
            let vcpus = vm.id.map(|vm| who::vcpus(interval, vm, &all));
            for vcpu in vcpus.into_iter().flatten().filter(|row| row.id.is_some()) {
                rates.insert((vm.id, vcpu.id), vcpu.whole_rate());
            }
        }
        self.history.add(step.at, &rates);
        self.step = step;
        // An ended VM may still be in the span.
        let vms = who::vms(self.shown(), &all);
        if !vms.iter().any(|vm| vm.id == self.vm) {
            self.vm = None;
            self.per_vcpu = false;
        }
        let vcpus = self.vm.map(|vm| who::vcpus(self.shown(), vm, &all));
        if !vcpus.into_iter().flatten().any(|vcpu| vcpu.id == self.vcpu) {
            self.vcpu = None;
        }
    }

    /// Returns the index of the current snapshot.
    #[must_use]
    pub fn at(&self) -> usize {
        self.step.at
    }

    /// Returns the current span.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// Returns the current period.
    #[must_use]
    pub fn shown(&self) -> &Period {
        &self.step.shown
    }

    /// Returns the number of VMs.
    #[must_use]
    pub fn vms(&self) -> usize {
        self.shown().counts.vms().len()
    }

    /// Returns the current span in words.
    #[must_use]
    pub fn time(&self) -> String {
        let seconds = self.shown().seconds.map_or(0.0, |seconds| seconds.0);
        match self.span {
            Span::Interval if self.shown().seconds.is_some() => format!("in {seconds:.1} s"),
            Span::Start => format!("since the start, {seconds:.1} s"),
            _ => CountedBy::of(&self.shown().end).since().to_owned(),
        }
    }

    /// Returns the current scope in words.
    #[must_use]
    pub fn subject(&self) -> String {
        match self.scope() {
            Scope::Host => "all VMs".to_owned(),
            scope => with_name(Subject::Of(scope), self.shown().counts.identity_of(scope)),
        }
    }

    fn scope(&self) -> Scope {
        let vcpu = self.vcpu.and_then(|vcpu| u32::try_from(vcpu).ok());
        match (self.vm, vcpu) {
            (Some(vm), Some(vcpu)) => Scope::Vcpu((vm, vcpu)),
            (Some(vm), None) => Scope::Vm(vm),
            _ => Scope::Host,
        }
    }

    /// Returns the exits per second of the current scope for this many snapshots, the newest last.
    #[must_use]
    pub fn rates(&self, snapshots: usize) -> Vec<Option<u64>> {
        self.history
            .of((self.vm, self.vcpu), self.step.at, snapshots)
    }

    /// Returns the VM whose vCPUs are listed.
    #[must_use]
    pub fn vcpus_of(&self) -> Option<u64> {
        self.vm.filter(|_| self.per_vcpu)
    }

    /// Returns the rows of VMs or vCPUs.
    #[must_use]
    pub fn who(&self) -> Vec<who::Row> {
        match self.vcpus_of() {
            Some(vm) => who::vcpus(self.shown(), vm, &self.vcpus),
            None => who::vms(self.shown(), &self.vms),
        }
    }

    /// Returns the selected VM or vCPU.
    #[must_use]
    pub fn selected_who(&self) -> Option<u64> {
        match self.per_vcpu {
            true => self.vcpu,
            false => self.vm,
        }
    }

    /// Returns the rows of exit reasons.
    #[must_use]
    pub fn reasons(&self) -> Vec<reasons::Row> {
        reasons::rows(self.shown(), self.scope(), &self.reasons)
    }

    /// Returns the selected reason.
    #[must_use]
    pub fn selected_reason(&self) -> Option<Reason> {
        self.reason.filter(|_| self.pane != Pane::Who)
    }

    /// Returns the details of the selected reason's exits; `None` if none were captured.
    #[must_use]
    pub fn details(&self) -> Option<Vec<details::Row>> {
        details::rows(self.shown(), self.scope(), self.reason, &self.details)
    }

    /// Returns the index of the selected detail.
    #[must_use]
    pub fn selected_detail(&self) -> usize {
        self.detail
    }

    /// Returns the listing of a table.
    #[must_use]
    pub fn listing(&self, pane: Pane) -> &Listing {
        match pane {
            Pane::Who if self.per_vcpu => &self.vcpus,
            Pane::Who => &self.vms,
            Pane::Reasons => &self.reasons,
            Pane::Details => &self.details,
        }
    }

    /// Returns the listing of a table, to be scrolled.
    pub fn listing_mut(&mut self, pane: Pane) -> &mut Listing {
        match pane {
            Pane::Who if self.per_vcpu => &mut self.vcpus,
            Pane::Who => &mut self.vms,
            Pane::Reasons => &mut self.reasons,
            Pane::Details => &mut self.details,
        }
    }

    fn columns(&self) -> usize {
        match self.pane {
            Pane::Who if self.per_vcpu => who::VCPUS.len(),
            Pane::Who => who::VMS.len(),
            Pane::Reasons => reasons::COLUMNS.len(),
            Pane::Details => details::COLUMNS.len(),
        }
    }

    /// Handles a key.
    pub fn key(&mut self, key: KeyEvent) -> Request {
        if key.kind == KeyEventKind::Release {
            return Request::Nothing;
        }
        self.note = None;
        if key
            .modifiers
            .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT)
        {
            let is_ctrl_c =
                key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
            return match is_ctrl_c {
                true => Request::Quit,
                false => Request::Nothing,
            };
        }
        match self.mode {
            Mode::Help => self.read(key.code),
            Mode::Filter => self.edit(key.code),
            Mode::Normal => return self.command(key.code),
        }
        Request::Nothing
    }

    fn read(&mut self, key: KeyCode) {
        self.help_above = match key {
            KeyCode::Up | KeyCode::Char('k') => self.help_above.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.help_above.saturating_add(1),
            KeyCode::PageUp => self.help_above.saturating_sub(10),
            KeyCode::PageDown => self.help_above.saturating_add(10),
            _ => {
                self.mode = Mode::Normal;
                0
            }
        };
    }

    fn edit(&mut self, key: KeyCode) {
        let listing = self.listing_mut(self.pane);
        match key {
            KeyCode::Char(c) if !c.is_control() => listing.filter.push(c),
            KeyCode::Backspace => {
                listing.filter.pop();
            }
            KeyCode::Esc => listing.filter.clear(),
            _ => (),
        }
        listing.rewind();
        if matches!(key, KeyCode::Enter | KeyCode::Esc) {
            self.mode = Mode::Normal;
            // The selected row may have disappeared.
            self.select(|at, _, _| at);
        }
    }

    fn command(&mut self, key: KeyCode) -> Request {
        match key {
            KeyCode::Char('q') => return Request::Quit,
            KeyCode::Char('?' | 'h') | KeyCode::F(1) => self.mode = Mode::Help,
            KeyCode::Char('/') => self.mode = Mode::Filter,
            KeyCode::Enter => self.open(),
            KeyCode::Esc => self.back(),
            KeyCode::Char('v') => self.toggle_vcpus(),
            KeyCode::Char('c') => return self.next_span(),
            KeyCode::Char('s') => self.sort_by_next(1),
            KeyCode::Char('S') => self.sort_by_next(self.columns() - 1),
            KeyCode::Char('r') => {
                let listing = self.listing_mut(self.pane);
                listing.reversed = !listing.reversed;
            }
            KeyCode::Up | KeyCode::Char('k') => self.select(|at, _, _| at.saturating_sub(1)),
            KeyCode::Down | KeyCode::Char('j') => self.select(|at, last, _| last.min(at + 1)),
            KeyCode::Home | KeyCode::Char('g') => self.select(|_, _, _| 0),
            KeyCode::End | KeyCode::Char('G') => self.select(|_, last, _| last),
            KeyCode::PageUp => self.select(|at, _, page| at.saturating_sub(page)),
            KeyCode::PageDown => self.select(|at, last, page| last.min(at + page)),
            KeyCode::Char('p' | ' ') => {
                let to = self.playback.toggle(self.at());
                return to.map_or(Request::Nothing, Request::Show);
            }
            KeyCode::Left | KeyCode::Right | KeyCode::Char('[' | ']' | '+' | '=' | '-') => {
                return self.replay(key)
            }
            _ => (),
        }
        Request::Nothing
    }

    fn sort_by_next(&mut self, step: usize) {
        let columns = self.columns();
        self.listing_mut(self.pane).next_column(step, columns);
    }

    fn next_span(&mut self) -> Request {
        self.span = match self.span {
            Span::Interval => Span::Start,
            Span::Start => Span::Load,
            Span::Load => Span::Interval,
        };
        Request::Show(self.at())
    }

    fn open(&mut self) {
        self.pane = match self.pane {
            Pane::Who => Pane::Reasons,
            Pane::Reasons if self.reason.is_some() => Pane::Details,
            pane => pane,
        };
        match self.pane {
            // Make sure that a row is selected.
            Pane::Reasons => self.select(|at, _, _| at),
            _ => self.detail = 0,
        }
    }

    fn back(&mut self) {
        match self.pane {
            Pane::Details => self.pane = Pane::Reasons,
            Pane::Reasons => self.pane = Pane::Who,
            Pane::Who if !self.listing(Pane::Who).filter.is_empty() => {
                self.listing_mut(Pane::Who).filter.clear();
            }
            Pane::Who if self.per_vcpu => self.toggle_vcpus(),
            Pane::Who => self.reasons.filter.clear(),
        }
    }

    fn toggle_vcpus(&mut self) {
        if self.vm.is_none() {
            self.note = Some("select a VM first, then v lists its vCPUs");
            return;
        }
        self.per_vcpu = !self.per_vcpu;
        self.vcpu = None;
        self.pane = Pane::Who;
        self.vcpus.rewind();
    }

    fn replay(&mut self, key: KeyCode) -> Request {
        let to = self.playback.key(key, self.at());
        self.note = to.err();
        to.ok().flatten().map_or(Request::Nothing, Request::Show)
    }

    /// Selects another row of the pane. `other` gets the index of the selected row, the index of the last
    /// row, and the size of a page.
    fn select(&mut self, other: impl FnOnce(usize, usize, usize) -> usize) {
        let page = self.listing(self.pane).page();
        match self.pane {
            Pane::Who => {
                let ids: Vec<_> = self.who().iter().map(|row| row.id).collect();
                let id = selected(&ids, self.selected_who(), |at, last| other(at, last, page));
                match self.per_vcpu {
                    true => self.vcpu = id.flatten(),
                    false => self.vm = id.flatten(),
                }
                self.reasons.rewind();
            }
            Pane::Reasons => {
                let reasons: Vec<_> = self.reasons().iter().map(|row| Some(row.reason)).collect();
                let reason = selected(&reasons, self.reason, |at, last| other(at, last, page));
                self.reason = reason.flatten();
            }
            Pane::Details => {
                let last = self
                    .details()
                    .map_or(0, |rows| rows.len().saturating_sub(1));
                self.detail = other(self.detail.min(last), last, page).min(last);
            }
        }
    }
}

/// Returns the item at the index that `other` returns. `other` gets the index of `now`, which is 0 if `now`
/// does not exist.
fn selected<T: Copy + PartialEq>(
    all: &[T],
    now: T,
    other: impl FnOnce(usize, usize) -> usize,
) -> Option<T> {
    let at = all.iter().position(|one| *one == now).unwrap_or(0);
    all.get(other(at, all.len().saturating_sub(1))).copied()
}
