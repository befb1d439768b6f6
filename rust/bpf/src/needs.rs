// SPDX-License-Identifier: GPL-2.0

//! Requirements of counting by BPF, checked one by one on the host.

use crate::kernel;
use rustix::thread::{capabilities, CapabilitySet};
use std::{fmt, fs, path::Path};

/// A requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Its description.
    pub what: &'static str,
    /// Whether it is met, or `None` if that cannot be determined.
    pub met: Option<bool>,
    /// What to do if it is not met.
    pub remedy: &'static str,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.met {
            Some(true) => write!(f, "ok       {}", self.what),
            Some(false) => write!(f, "MISSING  {}: {}", self.what, self.remedy),
            None => write!(f, "unknown  {}: {}", self.what, self.remedy),
        }
    }
}

/// Returns all requirements, for the host whose `/proc` and `/sys` are below `root`.
#[must_use]
pub fn needs(root: &Path) -> Vec<Need> {
    let read = |name: &str| fs::read_to_string(root.join(name)).ok();
    let there = |name: &str| root.join(name).exists();
    let isa = kernel::isa(root).ok();
    let btf = isa.map(|isa| {
        let of = |name| there(&format!("sys/kernel/btf/{name}"));
        of("vmlinux") && of(kernel::module(isa))
    });
    // Names are visible to everybody, addresses only to root.
    let symbols = read("proc/kallsyms").filter(|text| !text.is_empty());
    let symbol = |name: &str| {
        let has = |text: &String| text.split_whitespace().any(|word| word == name);
        isa.and(symbols.as_ref()).map(has)
    };
    let hooks = ["kvm_exit", "kvm_entry", "kvm_userspace_exit"]
        .map(|name| symbol(&format!("__traceiter_{name}")));
    let hooks = hooks
        .into_iter()
        .try_fold(true, |all, has| Some(all & has?));
    vec![
        Need {
            what: "root, or CAP_BPF and CAP_PERFMON",
            met: Some(is_permitted()),
            remedy: "run `sudo exitstat`",
        },
        Need {
            what: "kvm_intel or kvm_amd loaded",
            met: Some(isa.is_some()),
            remedy: "`modprobe kvm_intel` or `modprobe kvm_amd`; if that fails, `dmesg` says why",
        },
        Need {
            what: "BTF of the kernel and of kvm_intel or kvm_amd, in /sys/kernel/btf",
            met: btf,
            remedy: "a kernel with CONFIG_DEBUG_INFO_BTF and CONFIG_DEBUG_INFO_BTF_MODULES, as in distributions",
        },
        Need {
            what: "the tracepoints kvm_exit, kvm_entry and kvm_userspace_exit",
            met: hooks,
            remedy: "a kernel with CONFIG_TRACEPOINTS",
        },
        Need {
            what: "kprobes",
            met: Some(there("sys/bus/event_source/devices/kprobe")),
            remedy: "a kernel with CONFIG_KPROBE_EVENTS",
        },
        Need {
            what: "the BPF JIT compiler",
            met: read("proc/sys/net/core/bpf_jit_enable").map(|text| text.trim() != "0"),
            remedy: "`sysctl net.core.bpf_jit_enable=1`",
        },
        Need {
            what: "kernel lockdown below `confidentiality`",
            met: Some(
                !read("sys/kernel/security/lockdown")
                    .is_some_and(|text| text.contains("[confidentiality]")),
            ),
            remedy: "boot with lockdown=integrity",
        },
    ]
}

/// Returns whether this process may load programs that read kernel memory.
pub(crate) fn is_permitted() -> bool {
    capabilities(None).is_ok_and(|sets| {
        sets.effective.contains(CapabilitySet::SYS_ADMIN)
            || sets
                .effective
                .contains(CapabilitySet::BPF | CapabilitySet::PERFMON)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(files: &[(&str, &str)]) -> Vec<Option<bool>> {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let all = needs(root.path());
        // The first one depends on the process that runs the test.
        all[1..].iter().map(|need| need.met).collect()
    }

    #[test]
    fn each_is_looked_at_alone() {
        let all = [
            ("sys/module/kvm_amd/refcnt", ""),
            ("sys/kernel/btf/kvm_amd", ""),
            ("sys/kernel/btf/vmlinux", ""),
            (
                "proc/kallsyms",
                "0 t __traceiter_kvm_exit\t[kvm]\n0 t __traceiter_kvm_entry\t[kvm]\n\
                 0 t __traceiter_kvm_userspace_exit\t[kvm]\n",
            ),
            ("sys/bus/event_source/devices/kprobe/type", "8\n"),
            ("proc/sys/net/core/bpf_jit_enable", "1\n"),
            (
                "sys/kernel/security/lockdown",
                "none [integrity] confidentiality\n",
            ),
        ];
        assert_eq!(met(&all), [Some(true); 6]);
        let without = |name: &str| {
            let files: Vec<_> = all.into_iter().filter(|(n, _)| *n != name).collect();
            met(&files)
        };
        assert_eq!(without("sys/kernel/btf/kvm_amd")[1], Some(false));
        assert_eq!(without("proc/kallsyms")[2], None);
        assert_eq!(
            without("sys/bus/event_source/devices/kprobe/type")[3],
            Some(false)
        );
        assert_eq!(without("proc/sys/net/core/bpf_jit_enable")[4], None);
        let none = without("sys/module/kvm_amd/refcnt");
        assert_eq!(none[..3], [Some(false), None, None]);
        let with = |name: &str, text: &'static str| {
            let files = all.map(|(n, t)| (n, if n == name { text } else { t }));
            met(&files)
        };
        assert_eq!(
            with("proc/sys/net/core/bpf_jit_enable", "0\n")[4],
            Some(false)
        );
        let locked = with(
            "sys/kernel/security/lockdown",
            "none integrity [confidentiality]\n",
        );
        assert_eq!(locked[5], Some(false));
        let untraced = with("proc/kallsyms", "0 t __traceiter_kvm_exit_more\n");
        assert_eq!(untraced[2], Some(false));
    }
}
