// SPDX-License-Identifier: GPL-2.0

//! Names for identities of exits: keys by tables or a VM's devices, instruction pointers by its kernel's
//! symbols.

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

/// Sources of names. By default, only tables that fit any VM.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Symbols of the VM's kernel.
    pub symbols: Option<Symbols>,
    /// Devices of the VM's QEMU.
    pub devices: Option<Devices>,
}

impl Names {
    /// Returns the name of an identity's key.
    #[must_use]
    pub fn what(&self, id: &Identity) -> String {
        self.device(id).unwrap_or_else(|| name(id.reason, id.key))
    }

    /// Returns the name of an identity's key, or `other` for the other exits of a reason. Empty if the
    /// reason's exits have no keys.
    #[must_use]
    pub fn what_of(&self, reason: Reason, id: Option<Identity>) -> String {
        match id {
            _ if !has_keys(reason.number) => String::new(),
            None => "other".to_owned(),
            Some(id) => self.what(&id),
        }
    }

    /// Returns the key's name and the instruction, as far as they were captured. Empty if there is nothing
    /// to show.
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

    /// Returns the name of a key that belongs to a device unknown to the tables.
    fn device(&self, id: &Identity) -> Option<String> {
        let devices = self.devices.as_ref()?;
        // Addresses of a nested guest are not the VM's.
        if id.context & CONTEXT_NESTED != 0 {
            return None;
        }
        let plain = name(id.reason, id.key);
        match Key::of(id.reason, id.key)? {
            Key::Mmio { gpa, access: None } => {
                let place = devices.memory(gpa)?;
                match place.with_offset {
                    true => Some(place.text),
                    // For standard PC devices, the tables have better names than QEMU.
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

    /// Returns the symbol of an exit's instruction.
    #[must_use]
    pub fn symbol(&self, id: &Identity) -> Option<String> {
        self.symbols.as_ref()?.of(id)
    }

    /// Returns the symbol, or the instruction pointer and whether it is userspace or a nested guest.
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
