// SPDX-License-Identifier: GPL-2.0

//! Models of exitstat's concurrency. `loom` runs each model in every order of its threads' steps,
//! and with every value that the memory order of a load admits. `cargo test` explores all of them,
//! with no bound on preemptions.
//!
//! Modelled, by hand:
//!
//! - `column`: `src/column.rs` and `src/cpu.rs`, one writer and its readers.
//! - `detail`: `rust/core/src/detail.rs`, an entry that changes owners and its readers, and the
//!   count of its reason.
//! - `shim`: `arch/x86/kvm/exit_observer.{c,h}` of the patches, with the callbacks in `src/vcpu.rs`
//!   and `src/observer.rs`: vCPUs that are attached, with memory or without, a module that is
//!   loaded, unloaded and loaded again while an exit is open, and readers.
//! - `clock`: one vCPU's thread in the same files: where the clock of an exit stops and starts
//!   while the thread is scheduled out and in, and what counts as userspace time. No other thread
//!   is involved, so it does not need `loom`: all choices of points at which the thread is
//!   preempted are run.
//!
//! Flaws can be put into each model, and each flaw has a test that expects the resulting failure.
//! So a model that proves something is also shown to detect the opposite.
//!
//! Not modelled:
//!
//! - Stale loads of a word by a thread that also stores it; `word` explains why.
//! - The instructions. An `inc` on memory is a load and a store here, both relaxed unless a test
//!   says otherwise. x86 (TSO) guarantees more order than that, so whatever holds here holds there.
//!   Where something holds only with the order of x86, the test uses release stores and acquire
//!   loads, which are still weaker than TSO.
//! - Static keys and static calls. The calls are a relaxed variable, and all hooks are always live.
//!   The models do not rely on text patching interrupting every CPU.
//! - RCU itself. A section with preemption disabled holds a mutex of its CPU, and a grace period
//!   acquires and releases the mutex of each CPU. So a section either ends before the grace period
//!   does, or sees everything written before the grace period began. That is what RCU guarantees,
//!   and no more.
//! - `registration_lock`: in each test, one thread registers and unregisters.
//! - Whether KVM matches the models. A change to the shim must also change `shim.rs` and
//!   `clock.rs`.

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
