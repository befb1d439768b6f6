// SPDX-License-Identifier: GPL-2.0

//! exitstat's concurrency as models: `loom` runs each in every order of its threads' steps, and
//! with every value that the memory order of a load admits. `cargo test` explores all of them,
//! with no bound on preemptions.
//!
//! Modelled, by hand:
//!
//! - `column`: `src/column.rs` and `src/cpu.rs`, one writer and its readers.
//! - `detail`: `rust/core/src/detail.rs`, an entry that changes hands and its readers, and its reason's count.
//! - `shim`: `arch/x86/kvm/exit_observer.{c,h}` of the patches, with what `src/vcpu.rs` and
//!   `src/observer.rs` do when it is called: vCPUs that are attached, with memory or without, a module
//!   that comes, goes and comes again while an exit is open, and readers.
//! - `clock`: one vCPU's thread in the same files: where the clock of an exit stops and starts while
//!   the thread is scheduled out and in, and what userspace's time is. No other thread has a part in
//!   it, so that it needs no `loom`: all choices of points at which the thread is preempted are run.
//!
//! Each model has flaws that can be put into it, and a test for each that expects the failure it
//! leads to: so a model that proves something also shows that it would have seen the opposite.
//!
//! Not modelled:
//!
//! - Stale loads of a word by a thread that stores it too; `word` says why.
//! - The instructions. An `inc` on memory is a load and a store here, both relaxed unless a test
//!   says otherwise. x86 (TSO) keeps more order than that, so what holds here holds there; where
//!   something holds only with the order of x86, a test says so with release stores and acquire
//!   loads, which are still weaker than TSO.
//! - Static keys and static calls. The calls are a relaxed variable, and all hooks are always
//!   live; that patching text interrupts every CPU is not relied upon.
//! - RCU itself. A section with preemption off holds a mutex of its CPU, and a grace period takes
//!   and gives back the mutex of each CPU. So a section either ends before the grace period does,
//!   or sees all that was written before it began: what RCU promises, and no more.
//! - `registration_lock`: in each test one thread registers and unregisters.
//! - That KVM is as the models have it. Who changes the shim changes `shim.rs` and `clock.rs`.

#![forbid(unsafe_code)]

#[cfg(test)]
mod clock;
#[cfg(test)]
mod column;
#[cfg(test)]
mod detail;
#[cfg(test)]
mod shim;
#[cfg(test)]
mod word;
