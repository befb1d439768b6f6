// SPDX-License-Identifier: GPL-2.0

//! Identities of running VMs, from `/proc/PID/cmdline` and `/proc/PID/cgroup`. Each VM's files are read
//! once.

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

/// Number of bytes to read of a file at most. libvirt's command lines have about 10 KiB.
const MOST: u64 = 256 << 10;

/// Start time of a process, in clock ticks since the host booted; `None` if the process has ended.
type Start = Option<u64>;

/// Detects new VMs.
#[derive(Debug)]
pub struct Watch {
    proc: PathBuf,
    load: u64,
    seen: BTreeMap<Key, Start>,
    known: Known,
}

impl Watch {
    /// Creates a watch that reads below `root`, which is `/` except in tests.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self {
            proc: root.join("proc"),
            load: 0,
            seen: BTreeMap::new(),
            known: Known::default(),
        }
    }

    /// Returns the known VMs.
    #[must_use]
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// Updates the known VMs to those of a snapshot. Returns new and changed ones.
    pub fn look(&mut self, load: u64, vms: &BTreeSet<Key>) -> Vec<Entry> {
        if self.load != load {
            // Numbers start over.
            self.load = load;
            self.seen.clear();
        }
        self.seen.retain(|key, _| vms.contains(key));
        self.known.retain(|key| vms.contains(&key));
        let mut news = Vec::new();
        for &key in vms {
            let (vm, pid) = key;
            // The module never reuses a number, so the VM cannot have changed. With BPF, the number is the
            // process ID, which the kernel reuses.
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

    /// Returns the identity of a process's VM; `None` if the process ended during the reads, because its ID
    /// may have been reused.
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

    /// Writes a process to the test's `/proc`.
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
        // The VM and its process have ended.
        assert_eq!(look(&mut watch, 1, &[(2, 80)]), []);
        assert_eq!(watch.known().get((1, 70)), None);
        // After a reload, the number belongs to another VM.
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
        // Its identity is removed with its process.
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
