// SPDX-License-Identifier: GPL-2.0

//! Shell completion. The shell's script, which `exitstat documents` writes, runs exitstat with
//! `EXITSTAT_COMPLETE` set to the shell's name. exitstat then prints the possible completions of the word
//! at the cursor.

use crate::{
    cli::{Cli, LiveArgs, SourceKind, COMPLETE},
    model::{Counts, Sample},
    reason::Reason,
    source::{live::Live, recording::Recording},
    vm::identity::Identity,
};
use clap::{Arg, Command, CommandFactory};
use clap_complete::{ArgValueCompleter, CompleteEnv, CompletionCandidate};
use exitstat_core::isa::Isa;
use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    ffi::OsStr,
    path::Path,
};

/// Answers a shell's request for completions and exits. Does nothing otherwise.
pub fn answer() {
    CompleteEnv::with_factory(command).var(COMPLETE).complete();
}

/// Returns the command line with completions of values.
fn command() -> Command {
    with_values(Cli::command())
}

fn with_values(command: Command) -> Command {
    let command = command.mut_args(|arg| match completer(&arg) {
        Some(completer) => arg.add(completer),
        None => arg,
    });
    command.mut_subcommands(with_values)
}

fn completer(arg: &Arg) -> Option<ArgValueCompleter> {
    match arg.get_id().as_str() {
        "reason" | "words" => Some(ArgValueCompleter::new(reasons)),
        "vm" => Some(ArgValueCompleter::new(vms)),
        _ => None,
    }
}

/// Returns the reason names of both vendors that begin with `word`. Case is ignored, and `-` stands for
/// `_`.
fn reasons(word: &OsStr) -> Vec<CompletionCandidate> {
    let Some(word) = word.to_str() else {
        return Vec::new();
    };
    let begin = word.to_ascii_uppercase().replace('-', "_");
    let names: BTreeSet<_> = [Isa::Vmx, Isa::Svm]
        .into_iter()
        .flat_map(Reason::all)
        .map(|reason| reason.to_string())
        .filter(|name| name.starts_with(&begin))
        .collect();
    names.into_iter().map(CompletionCandidate::new).collect()
}

/// Returns the VMs of the first recording that the command line names, or else of the running module. BPF would have
/// to begin to count. For a word that begins with a letter, these are the names that no shell reads otherwise.
fn vms(word: &OsStr) -> Vec<CompletionCandidate> {
    let counts = env::args_os()
        .find_map(|word| recorded(Path::new(&word)))
        .or_else(|| running().map(|sample| sample.counts));
    let mut vms = BTreeMap::new();
    for (&(vm, _), vcpu) in counts.iter().flat_map(|counts| &counts.vcpus) {
        let name = vcpu.identity.as_deref().and_then(Identity::name);
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        // Digits would be a number.
        let is_safe = |name: &String| {
            name.chars().all(is_plain) && name.starts_with(|c: char| c.is_ascii_alphabetic())
        };
        let safe = name
            .clone()
            .filter(|name| is_safe(name) && !word.is_empty());
        for text in safe.into_iter().chain([vm.to_string()]) {
            let help = name.clone().unwrap_or_else(|| vcpu.process.clone());
            vms.entry(text).or_insert(help);
        }
    }
    let begin = word.to_string_lossy();
    vms.into_iter()
        .filter(|(vm, _)| vm.starts_with(&*begin))
        .map(|(vm, process)| CompletionCandidate::new(vm).help(Some(process.into())))
        .collect()
}

fn recorded(path: &Path) -> Option<Counts> {
    // Opening a FIFO would block until a writer opens it.
    let file = path.is_file().then_some(path)?;
    Some(Recording::open(file).ok()?.period.counts)
}

fn running() -> Option<Sample> {
    let source = Some(SourceKind::Device);
    let args = LiveArgs {
        source,
        ..LiveArgs::default()
    };
    Live::open(&args).ok()?.sample(None).ok()
}
