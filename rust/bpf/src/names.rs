// SPDX-License-Identifier: GPL-2.0

//! Names of processes.

use std::{collections::BTreeMap, fs};

/// The names of processes, which are read once: a large host has hundreds of VMs.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeMap<u32, Name>);

#[derive(Debug)]
struct Name {
    name: [u8; 16],
    seen: bool,
}

impl Names {
    pub(crate) fn of(&mut self, pid: u32) -> [u8; 16] {
        let name = self.0.entry(pid).or_insert_with(|| {
            let text = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
            let text = text.strip_suffix(b"\n").unwrap_or(&text);
            let mut name = [0; 16];
            for (to, from) in name.iter_mut().zip(text) {
                *to = *from;
            }
            Name { name, seen: true }
        });
        name.seen = true;
        name.name
    }

    /// Another process may get a number that is free.
    pub(crate) fn forget_the_gone(&mut self) {
        self.0
            .retain(|_, name| std::mem::replace(&mut name.seen, false));
    }
}
