// SPDX-License-Identifier: GPL-2.0

//! VM identity from a hypervisor's command line.
//!
//! `/proc/PID/cmdline` has the arguments, each terminated by a NUL.

use super::{text::Text, uuid::Uuid};

/// VM identity from a command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Name of the VM.
    pub name: Option<Text>,
    /// UUID of the VM, as its guest sees it.
    pub uuid: Option<Uuid>,
    /// Number or identifier from the VM's manager: Proxmox or Firecracker.
    pub id: Option<Text>,
}

/// Supported hypervisors.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hypervisor {
    Qemu,
    Firecracker,
    Cloud,
    Crosvm,
    Kvmtool,
}

impl Hypervisor {
    /// Detects the hypervisor by the name of the program.
    fn of(program: &[u8]) -> Option<Self> {
        let name = program.rsplit(|&byte| byte == b'/').next()?;
        let begins = |word: &str| name.starts_with(word.as_bytes());
        Some(match name {
            b"kvm" | b"qemu" => Self::Qemu,
            _ if begins("qemu-system-") || begins("qemu-kvm") => Self::Qemu,
            _ if begins("firecracker") => Self::Firecracker,
            _ if begins("cloud-hypervisor") => Self::Cloud,
            b"crosvm" => Self::Crosvm,
            b"lkvm" | b"lkvm-static" | b"kvmtool" => Self::Kvmtool,
            _ => return None,
        })
    }
}

/// Parses a command line. Returns nothing for other programs than the supported hypervisors.
#[must_use]
pub fn parse(bytes: &[u8]) -> Said {
    let mut words = bytes.split(|&byte| byte == 0);
    let hypervisor = words.next().and_then(Hypervisor::of);
    let options = Options(words.collect());
    match hypervisor {
        None => Said::default(),
        Some(Hypervisor::Qemu) => qemu(&options),
        Some(Hypervisor::Firecracker) => {
            let id = options.last(&["--id"]);
            Said {
                name: id.and_then(Text::new),
                uuid: id.and_then(Uuid::new),
                id: id.and_then(Text::new),
            }
        }
        Some(Hypervisor::Cloud) => cloud_hypervisor(&options),
        Some(Hypervisor::Crosvm) => named(options.last(&["--name"])),
        Some(Hypervisor::Kvmtool) => named(options.last(&["--name", "-n"])),
    }
}

fn named(name: Option<&[u8]>) -> Said {
    Said {
        name: name.and_then(Text::new),
        ..Said::default()
    }
}

/// Parses QEMU's options, which have one or two hyphens and the value in the next word.
fn qemu(options: &Options<'_>) -> Said {
    let name = options.last(&["-name", "--name"]).map(Keys);
    let name = name.and_then(|keys| keys.get("guest").or_else(|| keys.first()));
    let uuid = options.last(&["-uuid", "--uuid"]).and_then(Uuid::new);
    // Proxmox sets the UUID only in the guest's SMBIOS.
    let smbios = options.all(&["-smbios", "--smbios"]).map(Keys);
    let mut system = smbios.filter(|keys| keys.get("type").as_deref() == Some(b"1"));
    let smbios = || system.find_map(|keys| Uuid::new(&keys.get("uuid")?));
    Said {
        name: name.and_then(|name| Text::new(&name)),
        uuid: uuid.or_else(smbios),
        id: options.last(&["-id", "--id"]).and_then(Text::new),
    }
}

/// Parses Cloud Hypervisor's options. Its VMs have no names; their sockets tell them apart.
fn cloud_hypervisor(options: &Options<'_>) -> Said {
    let socket = options.last(&["--api-socket"]).map(Keys);
    let path = socket.and_then(|keys| keys.get("path").or_else(|| keys.first()));
    let name = path.and_then(|path| Text::new(socket_name(&path)));
    let platform = options.last(&["--platform"]).map(Keys);
    Said {
        name,
        uuid: platform.and_then(|keys| Uuid::new(&keys.get("uuid")?)),
        id: None,
    }
}

/// Returns the distinctive part of a socket's path: `web` in `/run/ch/web.sock`, and the sandbox in Kata's
/// `/run/vc/vm/SANDBOX/clh-api.sock`.
fn socket_name(path: &[u8]) -> &[u8] {
    let mut parts = path.rsplit(|&byte| byte == b'/');
    let file = parts.next().unwrap_or_default();
    match (file, parts.next()) {
        (b"clh-api.sock", Some(sandbox)) => sandbox,
        _ => {
            let suffixes = [&b".sock"[..], b".socket"].into_iter();
            let mut stems = suffixes.filter_map(|suffix| file.strip_suffix(suffix));
            stems.find(|stem| !stem.is_empty()).unwrap_or(file)
        }
    }
}

/// The words after the program's name.
struct Options<'a>(Vec<&'a [u8]>);

impl<'a> Options<'a> {
    /// Iterates over the values of an option, in order. A value is the next word, or follows a `=`.
    fn all<'b>(&'b self, names: &'b [&str]) -> impl Iterator<Item = &'a [u8]> + 'b {
        let mut words = self.0.iter();
        std::iter::from_fn(move || loop {
            let word = words.next()?;
            for name in names {
                match word.strip_prefix(name.as_bytes()) {
                    Some(b"") => return words.next().copied(),
                    Some([b'=', value @ ..]) => return Some(value),
                    _ => (),
                }
            }
        })
    }

    /// Returns the last value of an option, which overrides earlier ones.
    fn last(&self, names: &[&str]) -> Option<&'a [u8]> {
        self.all(names).last()
    }
}

/// `key=value,key=value`, in which `,,` stands for a comma within a value.
struct Keys<'a>(&'a [u8]);

impl Keys<'_> {
    /// Returns the parts between single commas.
    fn parts(&self) -> Vec<Vec<u8>> {
        let mut parts = vec![Vec::new()];
        let mut bytes = self.0.iter().peekable();
        while let Some(&byte) = bytes.next() {
            if byte == b',' && bytes.next_if_eq(&&b',').is_none() {
                parts.push(Vec::new());
            } else if let Some(part) = parts.last_mut() {
                part.push(byte);
            }
        }
        parts
    }

    /// Returns the last value of a key.
    fn get(&self, key: &str) -> Option<Vec<u8>> {
        let value = |part: Vec<u8>| {
            let value = part.strip_prefix(key.as_bytes())?.strip_prefix(b"=")?;
            Some(value.to_vec())
        };
        self.parts().into_iter().rev().find_map(value)
    }

    /// Returns the first part, if it has no key.
    fn first(&self) -> Option<Vec<u8>> {
        let first = self.parts().into_iter().next()?;
        (!first.contains(&b'=')).then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    fn of(words: &str) -> (Option<String>, Option<String>, Option<String>) {
        let said = parse(words.replace(' ', "\0").as_bytes());
        let uuid = said.uuid.map(|uuid| uuid.to_string());
        (said.name.map(String::from), uuid, said.id.map(String::from))
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    const UUID: &str = "4dea22b3-1d52-d8f3-2516-782e98ab3fa0";

    #[test]
    fn qemu_says_what_its_manager_gave_it() {
        // libvirt's command line, shortened, with a domain named by OpenStack.
        let libvirt = format!(
            "/usr/bin/qemu-system-x86_64 -name guest=instance-0000002a,debug-threads=on -S -object \
             {{\"qom-type\":\"secret\"}} -machine pc-q35-9.2,usb=off -accel kvm -cpu host,migratable=on -m \
             size=2097152k -uuid {UUID} -no-user-config -nodefaults -smbios \
             type=1,manufacturer=OpenStack,product=Nova,uuid=11111111-1d52-d8f3-2516-782e98ab3fa0 \
             -device {{\"driver\":\"virtio-net-pci\",\"id\":\"net0\"}} -msg timestamp=on"
        );
        assert_eq!(of(&libvirt), (some("instance-0000002a"), some(UUID), None));
        let kubevirt = format!(
            "/usr/libexec/qemu-kvm -name guest=default_testvm,debug-threads=on -uuid {UUID}"
        );
        assert_eq!(of(&kubevirt), (some("default_testvm"), some(UUID), None));
        let proxmox = format!(
            "/usr/bin/kvm -id 100 -name web,debug-threads=on -no-shutdown -chardev \
             socket,id=qmp,path=/var/run/qemu-server/100.qmp,server=on,wait=off -mon chardev=qmp,mode=control \
             -pidfile /var/run/qemu-server/100.pid -daemonize -smbios type=1,uuid={UUID} -smp 4"
        );
        assert_eq!(of(&proxmox), (some("web"), some(UUID), some("100")));
        assert_eq!(
            of("qemu-system-x86_64 --name x -m 1G"),
            (some("x"), None, None)
        );
        assert_eq!(of("qemu-system-x86_64 -m 1G"), (None, None, None));
    }

    #[test]
    fn commas_in_names_are_doubled() {
        for (value, name) in [
            ("guest=a,,b,debug-threads=on", "a,b"),
            ("a,,b", "a,b"),
            ("a,,,debug-threads=on", "a,"),
            ("guest=x=y", "x=y"),
            ("debug-threads=on,guest=late", "late"),
            ("guest=first,guest=last", "last"),
        ] {
            assert_eq!(of(&format!("kvm -name {value}")).0, some(name), "{value}");
        }
        for value in ["debug-threads=on", "", ",guest"] {
            assert_eq!(of(&format!("kvm -name {value}")).0, None, "{value}");
        }
        // The last option wins, and an option without a value is ignored.
        assert_eq!(of("kvm -name a -name b").0, some("b"));
        assert_eq!(of("kvm -name").0, None);
    }

    #[test]
    fn other_hypervisors_have_their_own_options() {
        let fc = "firecracker --api-sock /run/firecracker.socket --id vm-7";
        assert_eq!(of(fc), (some("vm-7"), None, some("vm-7")));
        let jailed = format!("/firecracker --id={UUID} --start-time-us=1 --parent-cpu-time-us=2");
        assert_eq!(of(&jailed), (some(UUID), some(UUID), some(UUID)));
        let ch = format!("cloud-hypervisor --api-socket path=/run/ch/web.sock --platform num_pci_segments=2,uuid={UUID}");
        assert_eq!(of(&ch), (some("web"), some(UUID), None));
        assert_eq!(
            of("cloud-hypervisor-static --api-socket=/tmp/ch-api.sock").0,
            some("ch-api")
        );
        assert_eq!(of("/opt/cloud-hypervisor --api-socket fd=3").0, None);
        let kata = "/opt/kata/bin/cloud-hypervisor --api-socket /run/vc/vm/0123abcd/clh-api.sock";
        assert_eq!(of(kata).0, some("0123abcd"));
        assert_eq!(of("crosvm run --name vm1 --cpus 2").0, some("vm1"));
        assert_eq!(of("lkvm run -k bzImage --name vm2").0, some("vm2"));
        assert_eq!(of("/usr/bin/lkvm run -n vm3").0, some("vm3"));
        // Options of other programs are ignored.
        assert_eq!(of("vim -name guest=x -uuid 1"), (None, None, None));
        assert_eq!(of(""), (None, None, None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
            for program in ["qemu-system-x86_64", "firecracker", "cloud-hypervisor", "lkvm"] {
                for option in ["-name", "--id", "--api-socket", "-smbios"] {
                    let mut line = format!("{program}\0{option}\0").into_bytes();
                    line.extend(&bytes);
                    if let Some(name) = parse(&line).name {
                        prop_assert!(!name.as_str().contains(char::is_control));
                    }
                }
            }
        }

        #[test]
        fn a_name_with_its_commas_doubled_is_read_as_it_was(name in "[a-z,=.-]{0,20}[a-z]") {
            let line = format!("kvm\0-name\0guest={},debug-threads=on", name.replace(',', ",,"));
            prop_assert_eq!(parse(line.as_bytes()).name.map(String::from), Some(name));
        }
    }
}
