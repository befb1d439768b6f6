// SPDX-License-Identifier: GPL-2.0

//! Identities of exits in JSON and CSV.

use super::Names;
use crate::output::csv::cell;
use exitstat_core::{
    detail::{Identity, CONTEXT_CPL, CONTEXT_NESTED},
    key::has_keys,
    snapshot::{Header, DETAIL_IP},
};
use serde::Serialize;

/// Returns whether keys are captured. Details have keys, instruction pointers, or both.
#[must_use]
pub fn with_keys(header: &Header) -> bool {
    header.detail != DETAIL_IP
}

/// Fields of a JSON object, or cells of a CSV row.
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
    /// Headings of the cells.
    pub const HEADER: [&'static str; 5] = ["key", "what", "instruction_pointer", "cpl", "nested"];

    /// Returns the columns of an identity: the key, if it has one, and the instruction pointer, as
    /// requested.
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

    /// Returns the symbol: a cell at the end of the row, because it was added later.
    #[must_use]
    pub fn symbol(&self) -> String {
        cell(self.symbol.as_deref())
    }

    /// Returns the other cells. `what` replaces that cell if the exits have no identity.
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
