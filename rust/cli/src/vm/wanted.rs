// SPDX-License-Identifier: GPL-2.0

//! The VM given by `--vm`: a number, UUID or name.
//!
//! Digits are always a number, and a text in the form of a UUID is always a UUID, because a VM's name can
//! look like either. `name:7` selects the VM with the name `7`.

use super::{identity::Identity, text::printable, uuid::Uuid};
use crate::{
    cli::{ScopeArgs, VmArg},
    error::Error,
    model::{Counts, Scope},
};

/// A VM given by `--vm`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The VM with this number.
    Number(u64),
    /// The VM with this UUID.
    Uuid(Uuid),
    /// The VM with this name, or if there is none, the VM whose process has it.
    Name(String),
}

impl From<&VmArg> for Wanted {
    fn from(arg: &VmArg) -> Self {
        let text = arg.as_str();
        if let Some(name) = text.strip_prefix("name:") {
            return Self::Name(name.to_owned());
        }
        match (text.parse(), text.parse()) {
            (Ok(number), _) => Self::Number(number),
            (_, Ok(uuid)) => Self::Uuid(uuid),
            _ => Self::Name(text.to_owned()),
        }
    }
}

impl Wanted {
    /// Returns the number, if it is one.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Returns the number of the VM; `None` if it does not exist. Numbers are not checked.
    ///
    /// # Errors
    ///
    /// Several VMs match.
    pub fn find(&self, counts: &Counts) -> Result<Option<u64>, Error> {
        let matching = |is: &dyn Fn(u64) -> bool| -> Vec<u64> {
            counts.vms().into_iter().filter(|&vm| is(vm)).collect()
        };
        let identity = |vm: u64| counts.identity(vm);
        let found = match self {
            Self::Number(number) => return Ok(Some(*number)),
            Self::Uuid(uuid) => {
                matching(&|vm| identity(vm).is_some_and(|of| of.uuid == Some(*uuid)))
            }
            Self::Name(name) => {
                let named = matching(&|vm| identity(vm).is_some_and(|of| is_named(of, name)));
                match named.is_empty() {
                    false => named,
                    true => {
                        matching(&|vm| counts.vcpus_of(vm).any(|(_, vcpu)| vcpu.process == *name))
                    }
                }
            }
        };
        match found[..] {
            [] => Ok(None),
            [vm] => Ok(Some(vm)),
            _ => {
                let numbers: Vec<_> = found.iter().map(u64::to_string).collect();
                Err(Error::Usage(format!(
                    "{} VMs match --vm {}: choose one by its number, {}",
                    found.len(),
                    self.text(),
                    numbers.join(", ")
                )))
            }
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Uuid(uuid) => uuid.to_string(),
            Self::Name(name) => printable(name),
        }
    }

    /// Returns the error that the VM does not exist.
    #[must_use]
    pub fn not_there(&self) -> Error {
        Error::Usage(format!("no such VM: {} (run 'exitstat vms')", self.text()))
    }
}

/// Returns whether a VM has a name, with or without its namespace.
fn is_named(identity: &Identity, wanted: &str) -> bool {
    let Some(name) = &identity.name else {
        return false;
    };
    let with_namespace = wanted.split_once('/').is_some_and(|(namespace, rest)| {
        rest == name.as_str()
            && identity
                .namespace
                .as_ref()
                .is_some_and(|of| of.as_str() == namespace)
    });
    with_namespace || wanted == name.as_str()
}

/// Returns the number of the VM given by an option, if there is one.
///
/// # Errors
///
/// The VM does not exist, or several match. Numbers are not checked.
pub fn vm(arg: Option<&VmArg>, counts: &Counts) -> Result<Option<u64>, Error> {
    let Some(wanted) = arg.map(Wanted::from) else {
        return Ok(None);
    };
    let vm = wanted.find(counts)?;
    vm.map(Some).ok_or_else(|| wanted.not_there())
}

/// Returns the scope given by the options.
///
/// # Errors
///
/// See [`vm`].
pub fn scope(args: &ScopeArgs, counts: &Counts) -> Result<Scope, Error> {
    Ok(of_vm(args, vm(args.vm.as_ref(), counts)?))
}

/// Returns the scope, given the number of the VM.
#[must_use]
pub fn of_vm(args: &ScopeArgs, vm: Option<u64>) -> Scope {
    match (args.cpu, vm, args.vcpu) {
        (Some(cpu), _, _) => Scope::Cpu(cpu),
        (None, Some(vm), Some(vcpu)) => Scope::Vcpu((vm, vcpu)),
        (None, Some(vm), None) => Scope::Vm(vm),
        (None, None, _) => Scope::Host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::Vcpu, vm::text::Text};
    use std::sync::Arc;

    const UUID: &str = "4dea22b3-1d52-d8f3-2516-782e98ab3fa0";

    fn counts() -> Counts {
        let mut counts = Counts::default();
        let identities = [
            (1, "web", None, None),
            (2, "twin", None, None),
            (3, "twin", None, None),
            (4, "testvm", None, Some("default")),
            // Names in the form of numbers and UUIDs.
            (5, "1", None, None),
            (6, UUID, None, None),
            (7, "real", Some(UUID), None),
        ];
        for (vm, name, uuid, namespace) in identities {
            let text = |text: &str| Text::new(text.as_bytes());
            let identity = Identity {
                name: text(name),
                uuid: uuid.and_then(|uuid: &str| uuid.parse().ok()),
                namespace: namespace.and_then(text),
                ..Identity::default()
            };
            let vcpu = Vcpu {
                process: "qemu-kvm".to_owned(),
                identity: Some(Arc::new(identity)),
                ..Vcpu::default()
            };
            counts.vcpus.insert((vm, 0), vcpu);
        }
        let vcpu = Vcpu {
            process: "lkvm".to_owned(),
            ..Vcpu::default()
        };
        counts.vcpus.insert((8, 0), vcpu);
        counts
    }

    fn find(text: &str) -> Result<Option<u64>, String> {
        let arg: VmArg = text.parse().unwrap();
        vm(Some(&arg), &counts()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_vm_is_found_by_number_uuid_or_name() {
        for (text, number) in [
            ("1", 1),
            ("99", 99),
            ("web", 1),
            ("testvm", 4),
            ("default/testvm", 4),
            ("lkvm", 8),
            (UUID, 7),
            (&UUID.to_uppercase(), 7),
            ("name:1", 5),
            (&format!("name:{UUID}"), 6),
        ] {
            assert_eq!(find(text), Ok(Some(number)), "{text}");
        }
        assert_eq!(vm(None, &counts()).unwrap(), None);
    }

    #[test]
    fn what_is_not_one_vm_is_an_error() {
        let twins = find("twin").unwrap_err();
        assert_eq!(
            twins,
            "2 VMs match --vm twin: choose one by its number, 2, 3"
        );
        assert!(find("qemu-kvm").unwrap_err().starts_with("7 VMs match"));
        for none in [
            "Web",
            "other/testvm",
            "name:",
            "5dea22b3-1d52-d8f3-2516-782e98ab3fa0",
        ] {
            let said = find(none).unwrap_err();
            assert!(said.starts_with("no such VM: "), "{none}: {said}");
            assert!(said.ends_with(" (run 'exitstat vms')"), "{none}: {said}");
        }
        assert_eq!(
            find("a\x1bb").unwrap_err(),
            "no such VM: a?b (run 'exitstat vms')"
        );
    }
}
