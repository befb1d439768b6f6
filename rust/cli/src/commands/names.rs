// SPDX-License-Identifier: GPL-2.0

//! Names from a VM: `--symbols`, `--kaslr`, `--qmp`.

use super::look::details;
use crate::{
    cli::{LookArgs, NamesArgs, VmArg},
    detail::{
        devices::{self, Answers, Devices},
        symbols::Symbols,
        Names,
    },
    error::Error,
    model::{Counts, Period, Scope},
    vm,
};
use exitstat_core::detail::Identity;
use std::path::{Path, PathBuf};

/// The names to use. Most errors are detected before anything is captured.
pub(super) struct Wanted {
    symbols: Option<(PathBuf, Symbols)>,
    kaslr: Option<u64>,
    qmp: Option<(PathBuf, Answers)>,
    vm: Option<vm::wanted::Wanted>,
    from: Option<PathBuf>,
}

impl Wanted {
    /// Reads files, and queries QEMU.
    ///
    /// # Errors
    ///
    /// A file or socket does not exist, or has the wrong kind.
    pub(super) fn begin(
        args: &NamesArgs,
        look: &LookArgs,
        vm: Option<&VmArg>,
    ) -> Result<Self, Error> {
        let from = look.source.from.clone();
        if args.qmp.is_some() && from.is_some() && vm.is_none() {
            return Err(Error::Usage(
                "--qmp with --from needs --vm ID (run 'exitstat vms --from FILE'), because the VM's process may have \
                 changed since the recording"
                    .to_owned(),
            ));
        }
        let symbols = args.symbols.as_ref().map(|path| {
            let symbols = Symbols::open(path).map_err(Error::Failed)?;
            Ok::<_, Error>((path.clone(), symbols))
        });
        let qmp = args.qmp.as_ref().map(|path| {
            let answers = devices::ask(path).map_err(Error::Failed)?;
            Ok::<_, Error>((path.clone(), answers))
        });
        Ok(Self {
            symbols: symbols.transpose()?,
            kaslr: args.kaslr,
            qmp: qmp.transpose()?,
            vm: vm.map(Into::into),
            from,
        })
    }

    /// Returns the names, and the one VM whose exits they apply to.
    ///
    /// # Errors
    ///
    /// The VM is ambiguous, or the captured exits contradict the symbols.
    pub(super) fn names(self, period: &Period) -> Result<(Names, Option<u64>), Error> {
        let wanted = match &self.vm {
            None => None,
            Some(wanted) => Some(
                wanted
                    .find(&period.counts)?
                    .ok_or_else(|| wanted.not_there())?,
            ),
        };
        if self.symbols.is_none() && self.qmp.is_none() {
            return Ok((Names::default(), wanted));
        }
        let live = self.from.is_none();
        let socket = self.qmp.as_ref().filter(|_| live);
        let socket = socket.map(|(path, answers)| (path.as_path(), answers.pid));
        let vm = choose(&period.counts, wanted, socket)?;
        let mut names = Names::default();
        if let Some((path, symbols)) = self.symbols {
            let details = details(period, self.from.as_deref())?;
            let entries = details.by(Scope::Vm(vm)).unwrap_or_default();
            let slow = details.slow.iter().filter(|exit| exit.vm == vm);
            let slow = slow.map(|exit| Identity {
                reason: exit.reason,
                key: exit.key,
                ip: exit.ip,
                context: exit.context,
            });
            let exits: Vec<Identity> = entries.iter().map(|(id, _)| *id).chain(slow).collect();
            if exits.iter().all(|id| id.ip == 0) {
                return Err(Error::Failed(
                    "--symbols: no instruction pointers were captured (use --capture ip or both)"
                        .to_owned(),
                ));
            }
            let located = symbols.locate(self.kaslr, &exits);
            let error = |why| Error::Failed(format!("{}: {why}", path.display()));
            names.symbols = Some(located.map_err(error)?);
        }
        if let Some((path, before)) = self.qmp {
            // The guest may have moved its BARs in the meantime. If the guest has ended, use the earlier
            // answers.
            let now = match live {
                true => devices::ask(&path).unwrap_or(before),
                false => before,
            };
            let error = |why| Error::Failed(format!("{}: {why}", path.display()));
            names.devices = Some(Devices::of(&now).map_err(error)?);
        }
        Ok((names, Some(vm)))
    }
}

/// Returns the VM that the names apply to: the requested one, the one of the process behind a socket, or
/// the only one.
fn choose(
    counts: &Counts,
    wanted: Option<u64>,
    socket: Option<(&Path, Option<u32>)>,
) -> Result<u64, Error> {
    let vms = counts.vms();
    let of_process = |pid: u32| -> Vec<u64> {
        let runs = |&vm: &u64| counts.vcpus_of(vm).any(|(_, vcpu)| vcpu.pid == pid);
        vms.iter().copied().filter(runs).collect()
    };
    let known = socket.and_then(|(path, pid)| Some((path, pid?)));
    let of_socket = known.map(|(path, pid)| (path, pid, of_process(pid)));
    let list = "(run 'exitstat vms')";
    match (wanted, of_socket) {
        (Some(vm), Some((path, pid, those))) if !those.is_empty() && !those.contains(&vm) => {
            Err(Error::Usage(format!(
                "{} belongs to VM {} (process {pid}), not to VM {vm}",
                path.display(),
                those[0]
            )))
        }
        (Some(vm), _) => Ok(vm),
        (None, Some((path, pid, those))) => match those[..] {
            [vm] => Ok(vm),
            [] => Err(Error::Usage(format!(
                "{}: process {pid}, which created the socket, has no VM; select one with --vm ID {list}",
                path.display()
            ))),
            _ => Err(Error::Usage(format!(
                "process {pid} has {} VMs; select one with --vm ID {list}",
                those.len()
            ))),
        },
        (None, None) => match vms[..] {
            [vm] => Ok(vm),
            [] => Err(Error::Failed("no VM exits have been counted".to_owned())),
            _ => Err(Error::Usage(format!(
                "{} VMs have exits; select one with --vm ID {list}",
                vms.len()
            ))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Vcpu;

    #[test]
    fn names_are_of_one_vm() {
        let counts = |vms: &[(u64, u32)]| {
            let mut counts = Counts::default();
            for &(vm, pid) in vms {
                for number in 0..2 {
                    let vcpu = Vcpu {
                        pid,
                        ..Vcpu::default()
                    };
                    counts.vcpus.insert((vm, number), vcpu);
                }
            }
            counts
        };
        let two = counts(&[(1, 70), (4, 80)]);
        let socket = |pid| Some((Path::new("vm.qmp"), pid));
        let chosen = |counts: &Counts, wanted, socket| {
            choose(counts, wanted, socket).map_err(|e| e.to_string())
        };
        assert_eq!(chosen(&counts(&[(3, 9)]), None, None), Ok(3));
        assert_eq!(chosen(&two, Some(4), None), Ok(4));
        assert_eq!(chosen(&two, None, socket(Some(80))), Ok(4));
        assert_eq!(chosen(&two, Some(1), socket(Some(70))), Ok(1));
        assert_eq!(chosen(&two, Some(1), socket(None)), Ok(1));
        // Another process, such as libvirt, may have created the socket.
        assert_eq!(chosen(&two, Some(1), socket(Some(5))), Ok(1));
        for (counts, wanted, socket, error) in [
            (&two, None, None, "2 VMs have exits; select one"),
            (&two, None, socket(None), "2 VMs have exits; select one"),
            (&two, Some(4), socket(Some(70)), "vm.qmp belongs to VM 1"),
            (&two, None, socket(Some(5)), "process 5, which created"),
            (
                &counts(&[(1, 70), (2, 70)]),
                None,
                socket(Some(70)),
                "has 2 VMs",
            ),
            (&counts(&[]), None, None, "no VM exits"),
        ] {
            let why = chosen(counts, wanted, socket).unwrap_err();
            assert!(why.contains(error), "{why}");
        }
    }
}
