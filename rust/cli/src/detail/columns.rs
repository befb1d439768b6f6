// SPDX-License-Identifier: GPL-2.0

//! What JSON and CSV say of an exit's identity, or of exits with one.

use super::Names;
use crate::output::csv::cell;
use exitstat_core::{
    detail::{Identity, CONTEXT_CPL, CONTEXT_NESTED},
    key::has_keys,
    snapshot::{Header, DETAIL_IP},
};
use serde::Serialize;

/// Whether keys are captured, of details that were: one or the other is captured still.
#[must_use]
pub fn with_keys(header: &Header) -> bool {
    header.detail != DETAIL_IP
}

/// Fields of a document, and cells of a row.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Columns {
    key: Option<String>,
    what: Option<String>,
    instruction_pointer: Option<String>,
    symbol: Option<String>,
    cpl: Option<u32>,
    nested: Option<bool>,
}

impl Columns {
    /// The heads of the cells.
    pub const HEADER: [&'static str; 5] = ["key", "what", "instruction_pointer", "cpl", "nested"];

    /// Of an identity: with its key, if it has one, and its instruction pointer.
    #[must_use]
    pub fn of(id: &Identity, with_key: bool, with_ip: bool, names: &Names) -> Self {
        let keyed = Some(id).filter(|id| with_key && has_keys(id.reason));
        let at = Some(id).filter(|_| with_ip);
        Self {
            key: keyed.map(|id| format!("{:#x}", id.key)),
            what: keyed.map(|id| names.what(id)),
            instruction_pointer: at.map(|id| format!("{:#x}", id.ip)),
            symbol: at.and_then(|id| names.symbol(id)),
            cpl: at.map(|id| id.context & CONTEXT_CPL),
            nested: at.map(|id| id.context & CONTEXT_NESTED != 0),
        }
    }

    /// The last cell of a row: it came later than the others.
    #[must_use]
    pub fn symbol(&self) -> String {
        cell(self.symbol.as_deref())
    }

    /// The cells; `what` is another text there for exits without an identity.
    #[must_use]
    pub fn cells(self, what: String) -> [String; 5] {
        [
            cell(self.key),
            what,
            cell(self.instruction_pointer),
            cell(self.cpl),
            cell(self.nested),
        ]
    }
}
