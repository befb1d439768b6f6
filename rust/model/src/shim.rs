// SPDX-License-Identifier: GPL-2.0

//! The shim in KVM: one vCPU's open exit and data, and a module that is loaded and unloaded.
//!
//! Names match `exit_observer.c`. A module is identified by the epoch of its registration.

use super::{
    column::{Pair, WEAK},
    word::Word,
};
use exitstat_core::tally::Tally;
use loom::{
    cell::Cell,
    sync::{
        atomic::Ordering::{Acquire, Relaxed, Release},
        Mutex, MutexGuard,
    },
};

/// A flaw in the shim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Data is published by a relaxed store.
    RelaxedPublish,
    /// Unregistering does not wait for running hooks.
    NoWait,
    /// Unregistering retires data before it waits.
    RetireBeforeWait,
    /// Unregistering leaves vCPUs attached until it frees their data.
    AttachedStays,
    /// Registering publishes the epoch before it sets the calls.
    EpochBeforeCalls,
    /// A vCPU is attached without checking the epoch under the lock.
    AttachUnchecked,
    /// A hook checks that the vCPU is attached, but not to which registration.
    AnyEpoch,
    /// The fastpath reenters the guest even if the vCPU is not attached.
    ReenterUnattached,
    /// An exit of a vCPU without memory is recorded whatever its epoch.
    UnattachedAnyEpoch,
    /// A guest gets an answer even without a registration.
    AskUnchecked,
    /// A destroyed vCPU does not retire its data.
    NoRetire,
    /// Memory is retired but not freed.
    NoFree,
    /// A reader reads the retired sums before it takes the lock.
    RetiredBeforeLock,
    /// A reader reads the retired sums after it releases the lock.
    RetiredAfterLock,
}

/// A block of per-vCPU memory. The cells are checked: an access that may race with a write fails
/// the model.
struct Block {
    live: Cell<bool>,
    who: Cell<u64>,
    exits: Pair,
}

/// The owner of the block, in [`Block::who`].
const WHO: u64 = 7;

/// Cycles of each exit.
const EACH: u64 = 10;

/// Attached epoch of a vCPU that is not attached.
const NOT_ATTACHED: u64 = u64::MAX;

/// An exit, private to the vCPU's thread.
#[derive(Default)]
pub struct Exit {
    epoch: u64,
    /// Epoch when it began, never cleared.
    stamped: u64,
    /// The registration under which allocation failed.
    failed_epoch: u64,
    /// Exits that began under a registration.
    pub begun: u64,
    /// Exits recorded in per-vCPU data.
    pub recorded: u64,
    /// Exits recorded for the host only.
    pub unattached: u64,
}

/// Data protected by `vcpus_lock`, along with `Shim::data` and `Shim::attached_epoch`.
#[derive(Default)]
struct Vcpus {
    attached: Option<usize>,
    blocks_used: usize,
}

/// The shim, one vCPU, and the memory.
pub struct Shim {
    flaw: Option<Flaw>,
    /// Whether memory for vCPUs is available.
    memory: bool,
    cpus: [Mutex<()>; 2],
    vcpus: Mutex<Vcpus>,
    /// Epoch of the last registration. `calls` and `epoch` tell whether it has ended.
    last_epoch: Word,
    epoch: Word,
    /// The module that the static calls call, or 0.
    calls: Word,
    /// Whether a module's text is loaded.
    loaded: [Word; 2],
    /// The vCPU's data: 0, or the number of a block.
    data: Word,
    attached_epoch: Word,
    blocks: [Block; 2],
    retired: Pair,
}

/// The CPU that the vCPU runs on.
const VCPU: usize = 0;
/// The CPU of another vCPU or of a reader.
const OTHER: usize = 1;

impl Shim {
    /// Creates a shim without an observer, with at most one flaw.
    pub fn new(flaw: Option<Flaw>, memory: bool) -> Self {
        let shim = Self {
            flaw,
            memory,
            cpus: Default::default(),
            vcpus: Mutex::new(Vcpus::default()),
            last_epoch: Word::new(),
            epoch: Word::new(),
            calls: Word::new(),
            loaded: [Word::new(), Word::new()],
            data: Word::new(),
            attached_epoch: Word::new(),
            blocks: std::array::from_fn(|_| Block {
                live: Cell::new(false),
                who: Cell::new(0),
                exits: Pair::new(WEAK),
            }),
            retired: Pair::new(WEAK),
        };
        // `kvm_observe_create()`.
        shim.attached_epoch.store(NOT_ATTACHED, Relaxed);
        shim
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn lock(&self) -> MutexGuard<'_, Vcpus> {
        self.vcpus.lock().unwrap()
    }

    /// `guard(preempt)()`.
    fn preempt_off(&self, cpu: usize) -> MutexGuard<'_, ()> {
        self.cpus[cpu].lock().unwrap()
    }

    fn synchronize_rcu(&self) {
        for cpu in &self.cpus {
            drop(cpu.lock().unwrap());
        }
    }

    /// `kvm_exit_observer_register()`, called by a module that has just been loaded.
    pub fn register(&self) {
        let epoch = self.last_epoch.load_own() + 1;
        self.last_epoch.store(epoch, Relaxed);
        self.loaded[epoch as usize - 1].store(1, Relaxed);
        if !self.has(Flaw::EpochBeforeCalls) {
            self.calls.store(epoch, Relaxed);
        }
        {
            let _vcpus = self.lock();
            self.epoch.store(epoch, Relaxed);
        }
        if self.has(Flaw::EpochBeforeCalls) {
            self.calls.store(epoch, Relaxed);
        }
    }

    /// `kvm_exit_observer_unregister()`, followed by unloading the module.
    pub fn unregister(&self) {
        self.calls.store(0, Relaxed);
        {
            let vcpus = self.lock();
            self.epoch.store(0, Relaxed);
            if vcpus.attached.is_some() && !self.has(Flaw::AttachedStays) {
                // After the epoch, because x86 keeps the order of stores. Otherwise a detached vCPU
                // could be mistaken for one without memory.
                self.attached_epoch.store(NOT_ATTACHED, Release);
            }
            if self.has(Flaw::RetireBeforeWait) {
                vcpus.attached.iter().for_each(|&block| self.retire(block));
            }
        }
        if !self.has(Flaw::NoWait) {
            self.synchronize_rcu();
        }
        let block = self.detach_first(!self.has(Flaw::RetireBeforeWait));
        self.free(block);
        let epoch = self.last_epoch.load_own();
        self.loaded[epoch as usize - 1].store(0, Release);
    }

    /// `detach()`, and `detach_first()` for the only vCPU.
    fn detach_first(&self, retire: bool) -> Option<usize> {
        let mut vcpus = self.lock();
        let block = vcpus.attached.take()?;
        if retire {
            self.retire(block);
        }
        self.attached_epoch.store(NOT_ATTACHED, Relaxed);
        self.data.store(0, Relaxed);
        Some(block)
    }

    /// `Vcpu::retire()`.
    fn retire(&self, block: usize) {
        self.retired.add(self.blocks[block - 1].exits.get());
    }

    /// `free_data()`, without the lock.
    fn free(&self, block: Option<usize>) {
        if let Some(block) = block.filter(|_| !self.has(Flaw::NoFree)) {
            self.blocks[block - 1].live.set(false);
        }
    }

    /// `kvm_observe_destroy()`: the vCPU no longer runs.
    pub fn destroy(&self) {
        let block = self.detach_first(!self.has(Flaw::NoRetire));
        self.free(block);
    }

    /// `kvm_observe_exit_begin()`.
    pub fn exit_begin(&self, x: &mut Exit) {
        let _irqs_off = self.preempt_off(VCPU);
        x.epoch = self.epoch.load(Relaxed);
        x.stamped = x.epoch;
        x.begun += u64::from(x.epoch != 0);
    }

    /// `kvm_observe_is_attached()`.
    fn is_attached(&self, x: &Exit) -> bool {
        let attached_epoch = self.attached_epoch.load_own_first();
        if self.has(Flaw::AnyEpoch) {
            return x.epoch != 0 && attached_epoch != NOT_ATTACHED;
        }
        x.epoch == attached_epoch
    }

    /// `try_attach()`.
    fn try_attach(&self, x: &mut Exit) {
        if x.epoch == 0 || x.epoch == x.failed_epoch {
            return;
        }
        let mut vcpus = self.lock();
        // The shim's check of the epoch before the allocation only avoids the allocation.
        if x.epoch != self.epoch.load(Relaxed) && !self.has(Flaw::AttachUnchecked) {
            return;
        }
        if !self.memory {
            x.failed_epoch = x.epoch;
            return;
        }
        let block = vcpus.blocks_used;
        vcpus.blocks_used += 1;
        self.blocks[block].live.set(true);
        self.blocks[block].who.set(WHO);
        vcpus.attached = Some(block + 1);
        let order = if self.has(Flaw::RelaxedPublish) {
            Relaxed
        } else {
            Release
        };
        self.data.store(block as u64 + 1, order);
        self.attached_epoch.store(x.epoch, Relaxed);
    }

    /// `kvm_observe_exit_end()`.
    pub fn exit_end(&self, x: &mut Exit) {
        {
            let _preempt_off = self.preempt_off(VCPU);
            if self.is_attached(x) {
                self.record(x);
                return;
            }
        }
        // `kvm_observe_unattached_end()`.
        self.try_attach(x);
        let _preempt_off = self.preempt_off(VCPU);
        if self.is_attached(x) {
            self.record(x);
        } else {
            self.record_unattached(x);
        }
    }

    /// `kvm_observe_reenter()`, and the slow path if it returns false.
    pub fn fastpath_end(&self, x: &mut Exit) {
        {
            let _irqs_off = self.preempt_off(VCPU);
            let open = x.epoch != 0 && self.has(Flaw::ReenterUnattached);
            if self.is_attached(x) || open {
                self.record(x);
                return;
            }
        }
        self.exit_end(x);
    }

    /// `kvm_observe_record()`.
    fn record(&self, x: &mut Exit) {
        x.epoch = 0;
        let data = self.data.load_own();
        let module = self.calls.load(Relaxed);
        if module != 0 {
            self.assert_may_call(x, module);
            assert!(data != 0, "an exit found no data");
            let block = &self.blocks[data as usize - 1];
            assert!(block.live.get(), "data were used after they were freed");
            block.exits.add(Tally {
                exits: 1,
                cycles: EACH,
            });
            x.recorded += 1;
        }
    }

    /// `record_unattached()`.
    fn record_unattached(&self, x: &mut Exit) {
        let epoch = self.epoch.load(Relaxed);
        let open = x.epoch != 0 && (x.epoch == epoch || self.has(Flaw::UnattachedAnyEpoch));
        x.epoch = 0;
        let module = self.calls.load(Relaxed);
        if open && module != 0 {
            self.assert_may_call(x, module);
            x.unattached += 1;
        }
    }

    fn assert_may_call(&self, x: &Exit, module: u64) {
        assert!(
            self.loaded[module as usize - 1].load(Acquire) == 1,
            "a module that is gone was called"
        );
        assert!(x.stamped != 0, "an exit that was not open was recorded");
        assert_eq!(x.stamped, module, "another module's exit was recorded");
    }

    /// `kvm_observe_cpuid()` of the vCPU itself: whether it may ask, with or without an open exit.
    pub fn may_ask(&self, x: &Exit) -> bool {
        let _preempt_off = self.preempt_off(VCPU);
        let open = x.epoch != 0 && x.epoch == self.epoch.load(Relaxed);
        open || self.attached_epoch.load_own() != NOT_ATTACHED
    }

    /// `kvm_observe_cpuid()` of another vCPU, whose exit is open under the current registration,
    /// and `kvm_exit_observer_visit_vm()`. Returns its sum.
    pub fn visit_vm(&self) -> Tally {
        let _preempt_off = self.preempt_off(OTHER);
        let open = self.epoch.load(Relaxed) != 0 || self.has(Flaw::AskUnchecked);
        match self.data.load(Acquire) {
            block if block != 0 && open => self.visit(block as usize),
            _ => Tally::default(),
        }
    }

    fn visit(&self, block: usize) -> Tally {
        let block = &self.blocks[block - 1];
        assert!(block.live.get(), "data were used after they were freed");
        assert_eq!(block.who.get(), WHO, "data were not ready");
        block.exits.get()
    }

    /// `for_each()` of `src/observer.rs`: the retired sums, then live vCPUs, under the lock.
    /// Without live vCPUs, the retired sums are read afterwards.
    pub fn for_each(&self) -> Tally {
        let early = self.retired.get();
        let (walked, live) = {
            let vcpus = self.lock();
            let retired = self.retired.get();
            match vcpus.attached {
                Some(block) => (Some(retired), self.visit(block)),
                None => (None, Tally::default()),
            }
        };
        let retired = if self.has(Flaw::RetiredBeforeLock) {
            early
        } else if self.has(Flaw::RetiredAfterLock) {
            self.retired.get()
        } else {
            walked.unwrap_or_else(|| self.retired.get())
        };
        retired.plus(live)
    }

    /// Returns whether an observer is registered.
    pub fn is_registered(&self) -> bool {
        let epoch = self.last_epoch.load_own();
        epoch != 0 && self.loaded[epoch as usize - 1].load(Acquire) == 1
    }

    /// Asserts that no memory is left and no recorded exit is missing.
    pub fn assert_all_is_told(&self, recorded: u64) {
        assert_eq!(self.lock().attached, None, "memory is left");
        assert!(!self.blocks.iter().any(|b| b.live.get()), "memory is left");
        let expected = Tally {
            exits: recorded,
            cycles: recorded * EACH,
        };
        assert_eq!(self.retired.get(), expected, "recorded exits are missing");
    }
}

mod tests {
    use super::*;
    use loom::{sync::Arc, thread};
    use std::sync::{Arc as StdArc, Mutex as StdMutex};
    use Step::{Begin, Destroy, End, Fastpath, Register, Sum, Unregister, Vcpus};

    /// A step of a thread.
    #[derive(Clone, Copy)]
    enum Step {
        /// The vCPU takes an exit.
        Begin,
        /// The exit ends.
        End,
        /// The fastpath ends the exit.
        Fastpath,
        /// A module is loaded.
        Register,
        /// The module is unloaded.
        Unregister,
        /// The vCPU is destroyed.
        Destroy,
        /// A guest reads its VM's sum.
        Sum,
        /// Root reads `vcpus`.
        Vcpus,
    }

    impl Step {
        /// Performs the step. Returns the exits read, if the step reads.
        fn take(self, shim: &Shim, x: &mut Exit) -> Option<u64> {
            match self {
                Begin => shim.exit_begin(x),
                End => shim.exit_end(x),
                Fastpath => shim.fastpath_end(x),
                Register => shim.register(),
                Unregister => shim.unregister(),
                Destroy => shim.destroy(),
                Sum => return Some(shim.visit_vm().exits),
                Vcpus => return Some(shim.for_each().exits),
            }
            None
        }
    }

    /// Observations of one run.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    struct Seen {
        recorded: u64,
        unattached: u64,
        read: u64,
    }

    fn explore_with(
        (flaw, memory): (Option<Flaw>, bool),
        before: &'static [Step],
        vcpu: &'static [Step],
        other: &'static [Step],
    ) -> Vec<Seen> {
        let all = StdArc::new(StdMutex::new(Vec::new()));
        let seen = StdArc::clone(&all);
        loom::model(move || {
            let shim = Arc::new(Shim::new(flaw, memory));
            let mut x = Exit::default();
            for step in before {
                step.take(&shim, &mut x);
            }
            let thread = {
                let shim = Arc::clone(&shim);
                thread::spawn(move || {
                    for step in vcpu {
                        step.take(&shim, &mut x);
                    }
                    x
                })
            };
            let mut none = Exit::default();
            let read: Vec<u64> = other
                .iter()
                .filter_map(|step| step.take(&shim, &mut none))
                .collect();
            let Exit {
                recorded,
                unattached,
                begun,
                ..
            } = thread.join().unwrap();
            let mut all = before.iter().chain(vcpu).chain(other);
            if !all.any(|step| matches!(step, Unregister)) {
                assert_eq!(recorded + unattached, begun, "an exit was lost");
            }
            if shim.is_registered() {
                shim.unregister();
            }
            shim.assert_all_is_told(recorded);
            let read = read.last().copied().unwrap_or(0);
            let one = Seen {
                recorded,
                unattached,
                read,
            };
            let mut seen = seen.lock().unwrap();
            if !seen.contains(&one) {
                seen.push(one);
            }
        });
        let mut all = all.lock().unwrap().clone();
        all.sort_unstable();
        all
    }

    /// Performs the steps `before`, then those of the vCPU's thread and of another thread
    /// concurrently. Checks at the end that nothing is missing or left over. Returns what was
    /// observed in any run: how many exits were recorded, and how many the other thread read (0 if
    /// it did not read).
    fn explore(
        flaw: Option<Flaw>,
        before: &'static [Step],
        vcpu: &'static [Step],
        other: &'static [Step],
    ) -> Vec<(u64, u64)> {
        let seen = explore_with((flaw, true), before, vcpu, other);
        assert!(seen.iter().all(|seen| seen.unattached == 0));
        seen.iter().map(|seen| (seen.recorded, seen.read)).collect()
    }

    /// Like `explore()`, without memory for vCPUs. Returns how many exits were recorded for the
    /// host only.
    fn without_memory(
        flaw: Option<Flaw>,
        before: &'static [Step],
        vcpu: &'static [Step],
        other: &'static [Step],
    ) -> Vec<u64> {
        let seen = explore_with((flaw, false), before, vcpu, other);
        assert!(seen.iter().all(|seen| seen.recorded == 0));
        seen.iter().map(|seen| seen.unattached).collect()
    }

    #[test]
    fn data_that_are_found_are_ready() {
        let seen = explore(None, &[Register], &[Begin, End], &[Sum]);
        assert_eq!(seen, [(1, 0), (1, 1)]);
    }

    #[test]
    #[should_panic(expected = "Causality violation")]
    fn data_published_by_a_relaxed_store_are_found_unready() {
        let flaw = Some(Flaw::RelaxedPublish);
        explore(flaw, &[Register], &[Begin, End], &[Sum]);
    }

    /// A vCPU whose exit began before any hook was live.
    #[test]
    fn an_exit_that_began_before_the_module_came_is_ignored() {
        let seen = explore(None, &[], &[End], &[Register, Unregister]);
        assert_eq!(seen, [(0, 0)]);
    }

    #[test]
    fn no_exit_that_began_under_it_is_lost_while_a_module_comes() {
        let seen = explore(None, &[], &[Begin, End, Begin, End], &[Register]);
        assert_eq!(seen, [(0, 0), (1, 0), (2, 0)]);
    }

    #[test]
    fn a_vcpu_gets_its_data_while_the_module_goes() {
        let seen = explore(None, &[Register], &[Begin, End], &[Unregister]);
        assert_eq!(seen, [(0, 0), (1, 0)]);
    }

    #[test]
    #[should_panic(expected = "memory is left")]
    fn a_vcpu_attached_without_a_look_at_the_epoch_keeps_its_data() {
        let flaw = Some(Flaw::AttachUnchecked);
        explore(flaw, &[Register], &[Begin, End], &[Unregister]);
    }

    #[test]
    fn a_module_goes_and_no_recorded_exit_is_lost() {
        let seen = explore(
            None,
            &[Register, Begin, End, Begin],
            &[End, Begin, End],
            &[Unregister],
        );
        assert_eq!(seen, [(1, 0), (2, 0), (3, 0)]);
    }

    #[test]
    #[should_panic(expected = "Causality violation")]
    fn without_a_wait_data_are_freed_in_use() {
        let flaw = Some(Flaw::NoWait);
        explore(flaw, &[Register, Begin, End, Begin], &[End], &[Unregister]);
    }

    #[test]
    #[should_panic(expected = "recorded exits are missing")]
    fn data_retired_before_the_wait_miss_exits() {
        let flaw = Some(Flaw::RetireBeforeWait);
        explore(flaw, &[Register, Begin, End, Begin], &[End], &[Unregister]);
    }

    #[test]
    #[should_panic(expected = "an exit was lost")]
    fn an_epoch_that_comes_before_the_calls_loses_exits() {
        let flaw = Some(Flaw::EpochBeforeCalls);
        explore(flaw, &[], &[Begin, End], &[Register]);
    }

    #[test]
    fn an_exit_open_across_a_reload_is_ignored() {
        let before = &[Register, Begin, End, Begin];
        let seen = explore(None, before, &[End], &[Unregister, Register]);
        assert_eq!(seen, [(1, 0), (2, 0)]);
    }

    #[test]
    #[should_panic(expected = "a module that is gone was called")]
    fn a_vcpu_that_stays_attached_calls_the_next_module() {
        let before = &[Register, Begin, End, Begin];
        let flaw = Some(Flaw::AttachedStays);
        explore(flaw, before, &[End], &[Unregister, Register]);
    }

    #[test]
    fn a_vcpu_goes_on_with_the_next_module() {
        let before = &[Register, Begin, End, Unregister, Begin];
        let seen = explore(None, before, &[End, Begin, End], &[Register]);
        assert_eq!(seen, [(1, 0), (2, 0)]);
    }

    #[test]
    fn the_fastpath_leaves_the_first_exit_to_the_slow_path() {
        let steps = &[Begin, Fastpath, Begin, Fastpath];
        assert_eq!(explore(None, &[Register], steps, &[]), [(2, 0)]);
    }

    #[test]
    #[should_panic(expected = "an exit found no data")]
    fn a_fastpath_that_reenters_unattached_finds_no_data() {
        let flaw = Some(Flaw::ReenterUnattached);
        explore(flaw, &[Register], &[Begin, Fastpath], &[]);
    }

    #[test]
    fn without_memory_each_exit_is_the_hosts() {
        let steps = &[Begin, End, Begin, Fastpath];
        assert_eq!(without_memory(None, &[Register], steps, &[]), [2]);
    }

    #[test]
    fn without_memory_an_exit_open_across_a_reload_is_ignored() {
        let before = &[Register, Begin, End, Begin];
        let seen = without_memory(None, before, &[End], &[Unregister, Register]);
        assert_eq!(seen, [1, 2]);
    }

    #[test]
    #[should_panic(expected = "a module that is gone was called")]
    fn without_memory_and_epochs_another_modules_exit_is_recorded() {
        without_memory(
            Some(Flaw::UnattachedAnyEpoch),
            &[Register, Begin, End, Begin],
            &[End],
            &[Unregister, Register],
        );
    }

    /// A vCPU that is destroyed while a reader walks is reported once, either live or retired.
    #[test]
    fn a_vcpu_that_goes_is_told_of_exactly_once() {
        let seen = explore(None, &[Register, Begin, End], &[Destroy], &[Vcpus]);
        assert_eq!(seen, [(1, 1)]);
    }

    #[test]
    fn retired_sums_taken_before_the_lock_miss_it() {
        let flaw = Some(Flaw::RetiredBeforeLock);
        let seen = explore(flaw, &[Register, Begin, End], &[Destroy], &[Vcpus]);
        assert_eq!(seen, [(1, 0), (1, 1)]);
    }

    #[test]
    fn retired_sums_taken_after_the_lock_have_it_twice() {
        let flaw = Some(Flaw::RetiredAfterLock);
        let seen = explore(flaw, &[Register, Begin, End], &[Destroy], &[Vcpus]);
        assert_eq!(seen, [(1, 1), (1, 2)]);
    }

    #[test]
    fn a_guest_that_asks_while_the_module_goes_finds_data_or_nothing() {
        let seen = explore(None, &[Register, Begin, End], &[Sum], &[Unregister]);
        assert_eq!(seen, [(1, 0)]);
    }

    #[test]
    #[should_panic(expected = "Causality violation")]
    fn a_guest_that_asks_unchecked_finds_data_that_are_freed() {
        let flaw = Some(Flaw::AskUnchecked);
        explore(flaw, &[Register, Begin, End], &[Sum], &[Unregister]);
    }

    #[test]
    #[should_panic(expected = "memory is left")]
    fn memory_that_is_not_freed_is_seen() {
        explore(Some(Flaw::NoFree), &[Register], &[Begin, End], &[]);
    }

    #[test]
    #[should_panic(expected = "recorded exits are missing")]
    fn data_that_are_not_retired_are_missed() {
        explore(
            Some(Flaw::NoRetire),
            &[Register],
            &[Begin, End, Destroy],
            &[],
        );
    }

    /// Like a TDX guest: the hooks never see an exit of it.
    #[test]
    fn a_vcpu_whose_exits_bypass_the_hooks_may_not_ask() {
        loom::model(|| {
            let shim = Shim::new(None, true);
            let mut x = Exit::default();
            shim.register();
            for _ in 0..2 {
                assert!(!shim.may_ask(&x));
                shim.exit_end(&mut x);
            }
            // A vCPU that exits may ask, from its first exit on.
            shim.exit_begin(&mut x);
            assert!(shim.may_ask(&x));
            shim.exit_end(&mut x);
            assert!(shim.may_ask(&x));
            shim.unregister();
            assert!(!shim.may_ask(&x));
        });
    }
}
