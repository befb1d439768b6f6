// SPDX-License-Identifier: GPL-2.0

//! VM identity from a process's cgroup.
//!
//! `/proc/PID/cgroup` has a line for each hierarchy, `NUMBER:CONTROLLERS:PATH`. Managers of VMs and of
//! containers name the directories in the path.

use super::{text::Text, uuid::Uuid};

/// VM identity from cgroup paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placed {
    /// Name of the systemd machine.
    pub machine: Option<Text>,
    /// UID of the Kubernetes pod.
    pub pod: Option<Uuid>,
    /// Identifier of the container.
    pub container: Option<Text>,
    /// Number of the Proxmox VM.
    pub id: Option<Text>,
}

/// Parses all lines. The first to set a field wins; cgroup v2's line takes precedence.
#[must_use]
pub fn parse(bytes: &[u8]) -> Placed {
    let mut placed = Placed::default();
    let lines = || bytes.split(|&byte| byte == b'\n');
    let v2 = lines().filter(|line| line.starts_with(b"0::"));
    let v1 = lines().filter(|line| !line.starts_with(b"0::"));
    for line in v2.chain(v1) {
        let Some(path) = line.splitn(3, |&byte| byte == b':').nth(2) else {
            continue;
        };
        let mut parent: &[u8] = b"";
        for part in path.split(|&byte| byte == b'/') {
            look(&mut placed, parent, part);
            parent = part;
        }
    }
    placed
}

/// Parses the name of a directory.
fn look(placed: &mut Placed, parent: &[u8], part: &[u8]) {
    let unit = part.strip_suffix(b".scope");
    let stem = unit.or_else(|| part.strip_suffix(b".slice"));
    let stem = stem.unwrap_or(part);
    if let Some(machine) = unit.and_then(|unit| unit.strip_prefix(b"machine-")) {
        let name = || Text::new(domain(&unescape(machine)));
        placed.machine = placed.machine.take().or_else(name);
    }
    if parent == b"qemu.slice" {
        let number = unit.filter(|unit| unit.iter().all(u8::is_ascii_digit));
        placed.id = placed.id.take().or_else(|| number.and_then(Text::new));
    }
    // `kubepods-burstable-pod0123…` with underscores from systemd, or `pod0123…` in `kubepods`.
    let pod = find(stem, b"-pod").or_else(|| stem.strip_prefix(b"pod"));
    let uid = pod.and_then(|uid| Uuid::new(uid).or_else(|| Uuid::separated_by(b'_', uid)));
    placed.pod = placed.pod.or(uid);
    let id = stem.rsplit(|&byte| byte == b'-').next().unwrap_or(stem);
    let is_id = id.len() == 64 && id.iter().all(u8::is_ascii_hexdigit);
    if is_id && !stem.starts_with(b"crio-conmon-") {
        placed.container = placed.container.take().or_else(|| Text::new(id));
    }
}

/// Returns the text after the last occurrence of `word`.
fn find<'a>(text: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    let at = text
        .windows(word.len())
        .rposition(|window| window == word)?;
    text.get(at + word.len()..)
}

/// Returns the domain name within a machine name. libvirt prepends the driver and a number:
/// `qemu-1-debian12`.
fn domain(machine: &[u8]) -> &[u8] {
    let Some(rest) = machine.strip_prefix(b"qemu-") else {
        return machine;
    };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match rest.get(digits..) {
        Some([b'-', name @ ..]) if digits > 0 && !name.is_empty() => name,
        _ => machine,
    }
}

/// Decodes systemd's escapes: `\x2d` is `-`.
fn unescape(unit: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(unit.len());
    let mut rest = unit;
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = match rest {
            [b'\\', b'x', a, b, after @ ..] => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let value = digit(*a).zip(digit(*b)).map(|(a, b)| a << 4 | b);
                let value = value.and_then(|value| u8::try_from(value).ok());
                value.map(|value| (value, after))
            }
            _ => None,
        };
        let (byte, after) = escaped.unwrap_or((byte, after));
        text.push(byte);
        rest = after;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    const ID: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9";
    const POD: &str = "3f1a0b5c-8d5a-4d9f-8ad4-6606f7f69e33";

    fn machine(path: &str) -> Option<String> {
        parse(path.as_bytes()).machine.map(String::from)
    }

    #[test]
    fn systemd_names_machines() {
        for (path, name) in [
            (
                "0::/machine.slice/machine-qemu\\x2d1\\x2ddebian12.scope/libvirt/emulator\n",
                "debian12",
            ),
            (
                "0::/machine.slice/machine-qemu\\x2d12\\x2dmy\\x2dvm\\x2d3.scope\n",
                "my-vm-3",
            ),
            ("0::/machine.slice/machine-arch.scope/payload\n", "arch"),
            ("0::/machine.slice/machine-qemu\\x2dx.scope\n", "qemu-x"),
            (
                "5:cpuset:/\n1:name=systemd:/machine.slice/machine-old.scope\n",
                "old",
            ),
            (
                "1:cpu:/machine.slice/machine-v1.scope\n0::/machine.slice/machine-v2.scope\n",
                "v2",
            ),
            ("0::/machine.slice/machine-bad\\x2.scope\n", "bad\\x2"),
            ("0::/machine.slice/machine-a\\x1bb.scope\n", "a?b"),
        ] {
            assert_eq!(machine(path).as_deref(), Some(name), "{path}");
        }
        for path in [
            "",
            "0::/\n",
            "0::/user.slice/user-0.slice/session-1.scope\n",
            "machine-x.scope",
        ] {
            assert_eq!(parse(path.as_bytes()), Placed::default(), "{path}");
        }
    }

    #[test]
    fn containers_and_pods_have_identifiers() {
        let slice = POD.replace('-', "_");
        for (path, pod, container) in [
            (format!("0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{slice}.slice/cri-containerd-{ID}.scope\n"), true, true),
            (format!("0::/kubepods.slice/kubepods-pod{slice}.slice/crio-{ID}.scope/container\n"), true, true),
            (format!("0::/kubepods.slice/kubepods-pod{slice}.slice/crio-conmon-{ID}.scope\n"), true, false),
            (format!("0::/kubepods/besteffort/pod{POD}/{ID}\n"), true, true),
            (format!("0::/system.slice/docker-{ID}.scope\n"), false, true),
            (format!("4:memory:/docker/{ID}\n"), false, true),
            (format!("0::/machine.slice/libpod-{ID}.scope/container\n"), false, true),
            ("0::/system.slice/docker-0a1b.scope\n".to_owned(), false, false),
        ] {
            let placed = parse(path.as_bytes());
            assert_eq!(placed.pod.map(|uid| uid.to_string()), pod.then(|| POD.to_owned()), "{path}");
            assert_eq!(placed.container.map(String::from), container.then(|| ID.to_owned()), "{path}");
            assert_eq!(placed.machine, None);
        }
    }

    #[test]
    fn proxmox_numbers_its_scopes() {
        let id = |path: &str| parse(path.as_bytes()).id.map(String::from);
        assert_eq!(id("0::/qemu.slice/100.scope\n").as_deref(), Some("100"));
        assert_eq!(id("0::/other.slice/100.scope\n"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
            let mut path = b"0::/machine.slice/machine-".to_vec();
            path.extend(&bytes);
            path.extend(b".scope");
            if let Some(machine) = parse(&path).machine {
                prop_assert!(!machine.as_str().contains(char::is_control));
            }
        }
    }
}
