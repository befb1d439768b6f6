// SPDX-License-Identifier: GPL-2.0

//! exitstat's concurrency as models: `loom` runs each in every order of its threads' steps, and
//! with every value that the memory order of a load admits. `cargo test` explores all of them,
//! with no bound on preemptions.
//!
//! Modelled, by hand:
//!
//! - `counter`: `src/counter.rs` and `src/cpu.rs`, one writer and its readers.
//! - `shim`: `arch/x86/kvm/exit_observer.{c,h}` of the patches, with what `src/vcpu.rs` does when
//!   it is called: vCPUs that get their data, a module that comes, goes and comes again while an
//!   exit is open, and a reader of `vcpus`.
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
//! - That KVM is as the model has it. Who changes the shim changes `shim.rs`.

#![forbid(unsafe_code)]

#[cfg(test)]
mod counter;
#[cfg(test)]
mod shim;
#[cfg(test)]
mod word;
