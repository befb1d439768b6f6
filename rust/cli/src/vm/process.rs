// SPDX-License-Identifier: GPL-2.0

//! The identities of VMs that run: `/proc/PID/cmdline` and `/proc/PID/cgroup`, read once for each VM.

use super::{
    identity::Identity,
    known::{Entry, Key, Known},
    stat,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// The most bytes of a file that are read. libvirt's command lines have some 10 KiB.
const MOST: u64 = 256 << 10;

/// When a process started, in clock ticks since the host did; `None` if it has gone.
type Start = Option<u64>;

/// Watches for VMs that were not there before.
#[derive(Debug)]
pub struct Watch {
    proc: PathBuf,
    load: u64,
    seen: BTreeMap<Key, Start>,
    known: Known,
}

impl Watch {
    /// Reads below `root`, which is `/` except in tests.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self {
            proc: root.join("proc"),
            load: 0,
            seen: BTreeMap::new(),
            known: Known::default(),
        }
    }

    /// The VMs that are known.
    #[must_use]
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// Looks at the VMs of a snapshot, and forgets all others. Returns what is new.
    pub fn look(&mut self, load: u64, vms: &BTreeSet<Key>) -> Vec<Entry> {
        if self.load != load {
            // Numbers begin anew.
            self.load = load;
            self.seen.clear();
        }
        self.seen.retain(|key, _| vms.contains(key));
        self.known.retain(|key| vms.contains(&key));
        let mut news = Vec::new();
        for &key in vms {
            let (vm, pid) = key;
            // The module never gives a number twice, so a VM stays what it was. By BPF the number is the
            // process id, which the kernel gives again.
            let reused = vm == u64::from(pid);
            if let Some(start) = self.seen.get(&key) {
                if !reused || *start == self.start(pid) {
                    continue;
                }
            }
            let start = self.start(pid);
            let identity = self.identity(pid, start).unwrap_or_default();
            self.seen.insert(key, start);
            if self.known.get(key) == Some(&identity)
                || self.known.get(key).is_none() && identity.is_empty()
            {
                continue;
            }
            let entry = Entry { vm, pid, identity };
            self.known.add(entry.clone());
            news.push(entry);
        }
        news
    }

    /// Who the VM of a process is; `None` if the process ended meanwhile, as another may have its number.
    fn identity(&self, pid: u32, start: Start) -> Option<Identity> {
        start?;
        let [cmdline, cgroup] = ["cmdline", "cgroup"].map(|name| self.read(pid, name));
        let identity = Identity::of(&cmdline.unwrap_or_default(), &cgroup.unwrap_or_default());
        (self.start(pid) == start).then_some(identity)
    }

    fn start(&self, pid: u32) -> Start {
        stat::start(&self.read(pid, "stat")?)
    }

    fn read(&self, pid: u32, name: &str) -> Option<Vec<u8>> {
        let path = self.proc.join(pid.to_string()).join(name);
        let mut bytes = Vec::new();
        let file = File::open(path).ok()?;
        file.take(MOST).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A process in a `/proc` of the test's own.
    fn write(root: &Path, pid: u32, start: u64, name: &str) {
        let directory = root.join(format!("proc/{pid}"));
        fs::create_dir_all(&directory).unwrap();
        let stat = format!("{pid} (a) b (c) S {} {start} 0\n", ["0"; 18].join(" "));
        fs::write(directory.join("stat"), stat).unwrap();
        fs::write(directory.join("cmdline"), format!("kvm\0-name\0{name}\0")).unwrap();
        fs::write(directory.join("cgroup"), "0::/\n").unwrap();
    }

    fn look(watch: &mut Watch, load: u64, vms: &[Key]) -> Vec<(u64, Option<String>)> {
        let news = watch.look(load, &vms.iter().copied().collect());
        let names = news.into_iter().map(|new| (new.vm, new.identity.name()));
        names.collect()
    }

    #[test]
    fn each_vm_is_read_once() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), 70, 5, "web");
        write(root.path(), 80, 6, "db");
        let mut watch = Watch::new(root.path());
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(look(&mut watch, 1, &[(1, 70)]), [(1, some("web"))]);
        write(root.path(), 70, 5, "renamed");
        assert_eq!(look(&mut watch, 1, &[(1, 70), (2, 80)]), [(2, some("db"))]);
        assert_eq!(watch.known().get((1, 70)).unwrap().name(), some("web"));
        // It has ended, and its process with it.
        assert_eq!(look(&mut watch, 1, &[(2, 80)]), []);
        assert_eq!(watch.known().get((1, 70)), None);
        // After another load, the number is another VM's.
        assert_eq!(
            look(&mut watch, 2, &[(1, 70), (2, 80)]),
            [(1, some("renamed"))]
        );
        assert_eq!(look(&mut watch, 2, &[(1, 70), (2, 80), (3, 99)]), []);
    }

    #[test]
    fn a_process_id_that_is_given_again_is_another_vm_by_bpf() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), 70, 5, "web");
        let mut watch = Watch::new(root.path());
        for key in [(70, 70), (1, 70)] {
            assert_eq!(look(&mut watch, 1, &[key]).len(), 1);
        }
        look(&mut watch, 1, &[(70, 70), (1, 70)]);
        write(root.path(), 70, 900, "other");
        let other = Some("other".to_owned());
        assert_eq!(look(&mut watch, 1, &[(70, 70), (1, 70)]), [(70, other)]);
        assert_eq!(
            watch.known().get((1, 70)).unwrap().name().as_deref(),
            Some("web")
        );
        // Nothing is left of it when its process is gone.
        fs::remove_dir_all(root.path().join("proc/70")).unwrap();
        assert_eq!(look(&mut watch, 1, &[(70, 70)]), [(70, None)]);
        assert_eq!(watch.known().get((70, 70)), None);
    }

    #[test]
    fn a_process_that_starts_meanwhile_is_not_taken_for_the_vms() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), 70, 5, "web");
        let watch = Watch::new(root.path());
        assert!(watch.identity(70, Some(5)).is_some());
        assert_eq!(watch.identity(70, Some(4)), None);
        assert_eq!(watch.identity(71, watch.start(71)), None);
    }
}
