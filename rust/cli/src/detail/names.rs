// SPDX-License-Identifier: GPL-2.0

//! The names that what exits have gets: keys by their tables or by a VM's devices, instruction pointers by its
//! kernel's symbols.

use super::{
    devices::Devices,
    name::{name, port_access},
    symbols::Symbols,
};
use crate::reason::Reason;
use exitstat_core::{
    detail::{Identity, CONTEXT_CPL, CONTEXT_NESTED},
    key::{has_keys, Key},
};

/// Where names come from; by default, from the tables that fit any VM.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Those of the VM's kernel.
    pub symbols: Option<Symbols>,
    /// Those that the VM's QEMU has.
    pub devices: Option<Devices>,
}

impl Names {
    /// What an exit with a key was about.
    #[must_use]
    pub fn what(&self, id: &Identity) -> String {
        self.device(id).unwrap_or_else(|| name(id.reason, id.key))
    }

    /// What exits of a reason with an identity were about, or its other ones; nothing of a reason whose exits have no
    /// keys.
    #[must_use]
    pub fn what_of(&self, reason: Reason, id: Option<Identity>) -> String {
        match id {
            _ if !has_keys(reason.number) => String::new(),
            None => "other".to_owned(),
            Some(id) => self.what(&id),
        }
    }

    /// The same with the instruction, of as much as was captured; nothing if there is nothing to tell.
    #[must_use]
    pub fn about(
        &self,
        reason: Reason,
        id: Option<Identity>,
        with_key: bool,
        with_ip: bool,
    ) -> String {
        let mut words = Vec::new();
        if with_key {
            words.push(self.what_of(reason, id));
        }
        match id {
            Some(id) if with_ip => words.push(self.instruction(&id)),
            None if with_ip && !with_key => words.push("other".to_owned()),
            _ => (),
        }
        words.retain(|word| !word.is_empty());
        words.join("  ")
    }

    /// What an exit with a key was about, if it is about a device that tables do not know.
    fn device(&self, id: &Identity) -> Option<String> {
        let devices = self.devices.as_ref()?;
        // A nested guest's addresses are not the VM's.
        if id.context & CONTEXT_NESTED != 0 {
            return None;
        }
        let plain = name(id.reason, id.key);
        match Key::of(id.reason, id.key)? {
            Key::Mmio { gpa, access: None } => {
                let place = devices.memory(gpa)?;
                match place.with_offset {
                    true => Some(place.text),
                    // Tables have better names than QEMU for what all PCs have.
                    false => (!plain.contains(' ')).then(|| format!("{plain} {}", place.text)),
                }
            }
            Key::Memory { gpa, .. } => Some(format!("{plain} {}", devices.region(gpa)?)),
            Key::Port {
                port,
                size,
                input,
                string,
            } => {
                let place = devices.port(port)?;
                let done = port_access(input, string, size);
                match place.with_offset {
                    true => Some(format!("{done} {}", place.text)),
                    false => plain
                        .ends_with(&done)
                        .then(|| format!("{plain} {}", place.text)),
                }
            }
            _ => None,
        }
    }

    /// The symbol of an exit's instruction.
    #[must_use]
    pub fn symbol(&self, id: &Identity) -> Option<String> {
        self.symbols.as_ref()?.of(id)
    }

    /// Where in the guest: the symbol or the instruction pointer, and who ran.
    #[must_use]
    pub fn instruction(&self, id: &Identity) -> String {
        if id.ip == 0 {
            return String::new();
        }
        let nested = if id.context & CONTEXT_NESTED != 0 {
            " L2"
        } else {
            ""
        };
        let who = match id.context & CONTEXT_CPL {
            0 => "",
            _ => " user",
        };
        self.symbol(id)
            .unwrap_or_else(|| format!("{:#x}{who}{nested}", id.ip))
    }
}
