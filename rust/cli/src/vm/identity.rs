// SPDX-License-Identifier: GPL-2.0

//! Identities of VMs.

use super::{cgroup, command_line, text::Text, uuid::Uuid};
use serde::{Deserialize, Serialize};

/// Identity of a VM, in addition to its number and process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Identity {
    /// Name given by its manager or user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    /// Its UUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uuid: Option<Uuid>,
    /// Number or identifier in its manager.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Text>,
    /// Kubernetes namespace of a KubeVirt VM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Text>,
    /// UID of its Kubernetes pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<Uuid>,
    /// Its container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<Text>,
}

impl Identity {
    /// Joins the information in `/proc/PID/cmdline` and `/proc/PID/cgroup`.
    #[must_use]
    pub fn of(cmdline: &[u8], cgroup: &[u8]) -> Self {
        let said = command_line::parse(cmdline);
        let placed = cgroup::parse(cgroup);
        let (name, namespace) = match placed.pod {
            Some(_) => kubevirt(said.name),
            None => (said.name, None),
        };
        Self {
            name: name.or(placed.machine),
            uuid: said.uuid,
            id: said.id.or(placed.id),
            namespace,
            pod: placed.pod,
            container: placed.container,
        }
    }

    /// Returns whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the name, as text for output.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        self.name.clone().map(String::from)
    }

    /// Returns the UUID, as text for output.
    #[must_use]
    pub fn uuid(&self) -> Option<String> {
        self.uuid.map(String::from)
    }
}

/// Returns the name and the namespace of a domain in a pod. KubeVirt calls it `NAMESPACE_NAME`; neither
/// part can contain an underscore.
fn kubevirt(domain: Option<Text>) -> (Option<Text>, Option<Text>) {
    let parts = domain.as_ref().and_then(|domain| {
        let (namespace, name) = domain.as_str().split_once('_')?;
        if name.contains('_') {
            return None;
        }
        Some((
            Text::new(name.as_bytes())?,
            Text::new(namespace.as_bytes())?,
        ))
    });
    match parts {
        Some((name, namespace)) => (Some(name), Some(namespace)),
        None => (domain, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Option<Text> {
        Text::new(text.as_bytes())
    }

    #[test]
    fn the_command_line_comes_before_the_cgroup() {
        let cgroup =
            b"0::/machine.slice/machine-qemu\\x2d1\\x2dfrom\\x2dcgroup.scope/libvirt/emulator\n";
        let both = Identity::of(b"qemu-system-x86_64\0-name\0guest=from-line\0", cgroup);
        assert_eq!(both.name, text("from-line"));
        assert_eq!(
            Identity::of(b"/usr/bin/vmm\0", cgroup).name,
            text("from-cgroup")
        );
        assert!(Identity::of(b"/usr/bin/vmm\0", b"0::/\n").is_empty());
        assert_eq!(
            Identity::of(b"", b"0::/qemu.slice/100.scope\n").id,
            text("100")
        );
    }

    #[test]
    fn kubevirt_has_namespaces_only_in_pods() {
        let pod = b"0::/kubepods/pod3f1a0b5c-8d5a-4d9f-8ad4-6606f7f69e33/x\n";
        let line = b"/usr/libexec/qemu-kvm\0-name\0guest=default_testvm,debug-threads=on\0";
        let inside = Identity::of(line, pod);
        assert_eq!(
            (inside.name, inside.namespace),
            (text("testvm"), text("default"))
        );
        assert!(inside.pod.is_some());
        let outside = Identity::of(line, b"0::/\n");
        assert_eq!(
            (outside.name, outside.namespace),
            (text("default_testvm"), None)
        );
        for name in ["plain", "a_b_c", "_x", "x_"] {
            let line = format!("qemu-kvm\0-name\0{name}\0");
            let odd = Identity::of(line.as_bytes(), pod);
            assert_eq!((odd.name, odd.namespace), (text(name), None), "{name}");
        }
    }

    /// Identities read from a recording are made safe again.
    #[test]
    fn json_is_read_again_and_not_trusted() {
        let identity = Identity {
            name: text("web"),
            uuid: "4dea22b3-1d52-d8f3-2516-782e98ab3fa0".parse().ok(),
            ..Identity::default()
        };
        let json = serde_json::to_string(&identity).unwrap();
        assert_eq!(
            json,
            r#"{"name":"web","uuid":"4dea22b3-1d52-d8f3-2516-782e98ab3fa0"}"#
        );
        assert_eq!(serde_json::from_str::<Identity>(&json).unwrap(), identity);
        let hostile: Identity = serde_json::from_str(r#"{"name":"\u001b[2J"}"#).unwrap();
        assert_eq!(hostile.name, text("?[2J"));
        assert!(serde_json::from_str::<Identity>(r#"{"uuid":"x"}"#).is_err());
    }
}
