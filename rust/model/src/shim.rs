// SPDX-License-Identifier: GPL-2.0

//! The shim in KVM: one vCPU's open exit and data, against a module that comes and goes.
//!
//! The names are those of `exit_observer.c`. A module is known by the epoch of its registration.

use super::{
    counter::{Pair, WEAK},
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

/// What can be wrong with the shim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Data are published by a relaxed store.
    RelaxedPublish,
    /// Unregistering does not wait for hooks that run.
    NoWait,
    /// Unregistering retires data first, and then waits.
    RetireBeforeWait,
    /// Unregistering leaves the calls as they are.
    CallsStay,
    /// Registering does not wait between the epoch and the calls.
    CallsAtOnce,
    /// The epoch may be seen to be 0 before the calls are seen to be NULL.
    RelaxedEpoch,
    /// A hook asks whether an observer is there, not which.
    AnyEpoch,
    /// Memory is retired, and not freed.
    NoFree,
}

/// A block of per-vCPU memory. The cells are checked: an access to one that may race with a write
/// fails the model.
struct Block {
    live: Cell<bool>,
    who: Cell<u64>,
    exits: Pair,
}

/// Who the block belongs to, in [`Block::who`].
const WHO: u64 = 7;

/// Cycles of each exit.
const EACH: u64 = 10;

/// An exit, private to the vCPU's thread.
#[derive(Default)]
pub struct Exit {
    epoch: u64,
    /// The epoch at its begin, which nothing clears.
    stamped: u64,
    /// Exits that were recorded in per-vCPU data.
    pub recorded: u64,
}

/// What `observer_lock` protects.
#[derive(Default)]
struct Registry {
    registered: bool,
    last_epoch: u64,
    attached: Option<usize>,
    blocks_used: usize,
}

/// The shim, one vCPU, and the memory there is.
pub struct Shim {
    flaw: Option<Flaw>,
    cpus: [Mutex<()>; 2],
    registry: Mutex<Registry>,
    epoch: Word,
    /// The module that the static calls call, or 0.
    calls: Word,
    /// Whether a module's text is there.
    loaded: [Word; 2],
    /// The vCPU's data: 0, or the number of a block.
    data: Word,
    blocks: [Block; 2],
    retired: Pair,
}

/// The CPU that the vCPU runs on.
const VCPU: usize = 0;
/// The CPU of another vCPU, or of a reader.
const OTHER: usize = 1;

impl Shim {
    /// A shim without an observer, and without a flaw, or with this one.
    pub fn new(flaw: Option<Flaw>) -> Self {
        Self {
            flaw,
            cpus: Default::default(),
            registry: Mutex::new(Registry::default()),
            epoch: Word::new(),
            calls: Word::new(),
            loaded: [Word::new(), Word::new()],
            data: Word::new(),
            blocks: std::array::from_fn(|_| Block {
                live: Cell::new(false),
                who: Cell::new(0),
                exits: Pair::new(WEAK),
            }),
            retired: Pair::new(WEAK),
        }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap()
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

    /// `kvm_exit_observer_register()`, of a module that was just loaded.
    pub fn register(&self) {
        let mut registry = self.lock();
        assert!(!registry.registered);
        registry.registered = true;
        registry.last_epoch += 1;
        let epoch = registry.last_epoch;
        self.loaded[epoch as usize - 1].store(1, Relaxed);
        self.epoch.store(epoch, Release);
        if self.has(Flaw::CallsAtOnce) {
            // Patching text does order what comes before it.
            self.calls.store(epoch, Release);
            return;
        }
        self.synchronize_rcu();
        self.calls.store(epoch, Relaxed);
    }

    /// `kvm_exit_observer_unregister()`, and the module is unloaded.
    pub fn unregister(&self) {
        let mut registry = self.lock();
        if !self.has(Flaw::CallsStay) {
            self.calls.store(0, Relaxed);
        }
        let order = if self.has(Flaw::RelaxedEpoch) {
            Relaxed
        } else {
            Release
        };
        self.epoch.store(0, order);
        let attached = registry.attached.take();
        if self.has(Flaw::RetireBeforeWait) {
            attached.into_iter().for_each(|block| self.retire(block));
        }
        if !self.has(Flaw::NoWait) {
            self.synchronize_rcu();
        }
        if let Some(block) = attached {
            if !self.has(Flaw::RetireBeforeWait) {
                self.retire(block);
            }
            self.free(block);
        }
        registry.registered = false;
        self.loaded[registry.last_epoch as usize - 1].store(0, Release);
    }

    /// `Vcpu::retire()`.
    fn retire(&self, block: usize) {
        self.retired.add(self.blocks[block - 1].exits.get());
    }

    fn free(&self, block: usize) {
        if !self.has(Flaw::NoFree) {
            self.blocks[block - 1].live.set(false);
        }
        self.data.store(0, Relaxed);
    }

    /// `kvm_observe_detach()`: the vCPU runs no more.
    pub fn detach(&self) {
        let mut registry = self.lock();
        if let Some(block) = registry.attached.take() {
            self.retire(block);
            self.free(block);
        }
    }

    /// `kvm_observe_exit_begin()`.
    pub fn exit_begin(&self, x: &mut Exit) {
        let _irqs_off = self.preempt_off(VCPU);
        x.epoch = self.epoch.load(Acquire);
        x.stamped = x.epoch;
    }

    /// `kvm_observe_attach()`.
    fn attach(&self, x: &Exit) {
        if x.epoch == 0 {
            return;
        }
        let mut registry = self.lock();
        if x.epoch != self.epoch.load(Relaxed) {
            return;
        }
        let block = registry.blocks_used;
        registry.blocks_used += 1;
        self.blocks[block].live.set(true);
        self.blocks[block].who.set(WHO);
        registry.attached = Some(block + 1);
        let order = if self.has(Flaw::RelaxedPublish) {
            Relaxed
        } else {
            Release
        };
        self.data.store(block as u64 + 1, order);
    }

    /// `kvm_observe_exit_end()`.
    pub fn exit_end(&self, x: &mut Exit) {
        if self.data.load_own() == 0 {
            self.attach(x);
        }

        let _preempt_off = self.preempt_off(VCPU);
        let epoch = self.epoch.load(Acquire);
        let ignored = if self.has(Flaw::AnyEpoch) {
            x.epoch == 0 || epoch == 0
        } else {
            x.epoch != epoch
        };
        if ignored {
            return;
        }
        x.epoch = 0;
        let data = self.data.load_own();
        let module = self.calls.load(Acquire);
        if module != 0 {
            self.call_exit(x, data, module);
        }
    }

    /// The module's callback `exit`.
    fn call_exit(&self, x: &mut Exit, data: u64, module: u64) {
        assert!(
            self.loaded[module as usize - 1].load(Acquire) == 1,
            "a module that is gone was called"
        );
        assert!(x.stamped != 0, "an exit that was not open was recorded");
        assert_eq!(x.stamped, module, "another module's exit was recorded");
        assert!(data != 0, "an exit found no data");
        let block = &self.blocks[data as usize - 1];
        assert!(block.live.get(), "data were used after they were freed");
        block.exits.add(Tally {
            exits: 1,
            cycles: EACH,
        });
        x.recorded += 1;
    }

    /// `kvm_exit_observer_visit_vm()`, from `cpuid` of another vCPU: its sum.
    pub fn visit_vm(&self) -> Tally {
        let _preempt_off = self.preempt_off(OTHER);
        match self.data.load(Acquire) {
            0 => Tally::default(),
            block => self.visit(block as usize),
        }
    }

    fn visit(&self, block: usize) -> Tally {
        let block = &self.blocks[block - 1];
        assert!(block.live.get(), "data were used after they were freed");
        assert_eq!(block.who.get(), WHO, "data were not ready");
        block.exits.get()
    }

    /// The file `vcpus`: the sum of what lives, by `kvm_exit_observer_visit_all()`, and after that
    /// of what was retired.
    pub fn read_vcpus(&self) -> Tally {
        let live = self.lock().attached.map(|block| self.visit(block));
        live.unwrap_or_default().plus(self.retired.get())
    }

    /// Whether there is an observer.
    pub fn is_registered(&self) -> bool {
        self.lock().registered
    }

    /// No memory is left, and no exit that was recorded is missing.
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
    use Step::{Begin, Detach, End, Register, Sum, Unregister, Vcpus};

    /// What a thread does.
    #[derive(Clone, Copy)]
    enum Step {
        /// The vCPU has an exit.
        Begin,
        /// The exit ends.
        End,
        /// A module is loaded.
        Register,
        /// It is unloaded.
        Unregister,
        /// The vCPU is destroyed.
        Detach,
        /// A guest asks for its VM's sum.
        Sum,
        /// Root reads `vcpus`.
        Vcpus,
    }

    impl Step {
        /// Exits that were read, if this step reads.
        fn take(self, shim: &Shim, x: &mut Exit) -> Option<u64> {
            match self {
                Begin => shim.exit_begin(x),
                End => shim.exit_end(x),
                Register => shim.register(),
                Unregister => shim.unregister(),
                Detach => shim.detach(),
                Sum => return Some(shim.visit_vm().exits),
                Vcpus => return Some(shim.read_vcpus().exits),
            }
            None
        }
    }

    /// Takes the steps `before`, and then those of the vCPU's thread and of another at the same
    /// time. At last nothing may be missing or left. Returns what was seen in any run: how many
    /// exits were recorded, and how many the other thread read (0 if it did not).
    fn explore(
        flaw: Option<Flaw>,
        before: &'static [Step],
        vcpu: &'static [Step],
        other: &'static [Step],
    ) -> Vec<(u64, u64)> {
        let all = StdArc::new(StdMutex::new(Vec::new()));
        let seen = StdArc::clone(&all);
        loom::model(move || {
            let shim = Arc::new(Shim::new(flaw));
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
                    x.recorded
                })
            };
            let mut none = Exit::default();
            let read: Vec<u64> = other
                .iter()
                .filter_map(|step| step.take(&shim, &mut none))
                .collect();
            let recorded = thread.join().unwrap();
            if shim.is_registered() {
                shim.unregister();
            }
            shim.assert_all_is_told(recorded);
            let read = read.last().copied().unwrap_or(0);
            let mut seen = seen.lock().unwrap();
            if !seen.contains(&(recorded, read)) {
                seen.push((recorded, read));
            }
        });
        let mut all = all.lock().unwrap().clone();
        all.sort_unstable();
        all
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
    #[should_panic(expected = "an exit that was not open was recorded")]
    fn calls_made_at_once_record_an_exit_that_was_not_open() {
        explore(Some(Flaw::CallsAtOnce), &[], &[End], &[Register]);
    }

    #[test]
    #[should_panic(expected = "an exit that was not open was recorded")]
    fn an_epoch_seen_to_end_before_the_calls_records_one_as_well() {
        let flaw = Some(Flaw::RelaxedEpoch);
        explore(flaw, &[Register], &[End], &[Unregister]);
    }

    #[test]
    fn a_vcpu_gets_its_data_while_the_module_goes() {
        let seen = explore(None, &[Register], &[Begin, End], &[Unregister]);
        assert_eq!(seen, [(0, 0), (1, 0)]);
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
    #[should_panic(expected = "a module that is gone was called")]
    fn calls_that_stay_call_a_module_that_is_gone() {
        explore(Some(Flaw::CallsStay), &[Register, Unregister], &[End], &[]);
    }

    #[test]
    fn an_exit_open_across_a_reload_is_ignored() {
        let before = &[Register, Begin, End, Begin];
        let seen = explore(None, before, &[End], &[Unregister, Register]);
        assert_eq!(seen, [(1, 0), (2, 0)]);
    }

    #[test]
    fn a_vcpu_goes_on_with_the_next_module() {
        let before = &[Register, Begin, End, Unregister, Begin];
        let seen = explore(None, before, &[End, Begin, End], &[Register]);
        assert_eq!(seen, [(1, 0), (2, 0)]);
    }

    #[test]
    #[should_panic(expected = "another module's exit was recorded")]
    fn without_epochs_an_exit_open_across_a_reload_is_recorded() {
        let before = &[Register, Begin, End, Begin];
        explore(
            Some(Flaw::AnyEpoch),
            before,
            &[End],
            &[Unregister, Register],
        );
    }

    /// A vCPU that goes while the file is read may be in it twice, as itself and as retired, and
    /// never not at all.
    #[test]
    fn a_vcpu_that_goes_is_told_at_least_once() {
        let seen = explore(None, &[Register, Begin, End], &[Detach], &[Vcpus]);
        assert_eq!(seen, [(1, 1), (1, 2)]);
    }

    #[test]
    #[should_panic(expected = "memory is left")]
    fn memory_that_is_not_freed_is_seen() {
        explore(Some(Flaw::NoFree), &[Register], &[Begin, End], &[]);
    }
}
