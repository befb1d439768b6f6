// SPDX-License-Identifier: GPL-2.0

//! Comma-separated values: a header, then one line per row, each with its subject and time. Unknown values are empty
//! cells. The line of the total has no reason number.

use crate::{
    counted_by::CountedBy,
    error::Error,
    model::{Longest, Scope},
    reason::vendor,
    view::{Subject, View},
    vm::identity::Identity,
};
use exitstat_core::histogram::bucket_begin;
use std::io::Write;

const HEADER: [&str; 33] = [
    "time_ns",
    "seconds",
    "of",
    "vm",
    "vcpu",
    "cpu",
    "number",
    "name",
    "exits",
    "exits_per_second",
    "exits_share",
    "cycles",
    "cycles_share",
    "cycles_seconds",
    "average_cycles",
    "p50_cycles",
    "p99_cycles",
    "max_cycles",
    "max_from_cycles",
    "max_below_cycles",
    "user_exits",
    "user_cycles",
    "user_share",
    "tsc_khz",
    "source",
    "vendor",
    "nested_exits",
    "reflected_exits",
    "time_cycles",
    "time_share",
    "hostname",
    "vm_name",
    "vm_uuid",
];

/// Writes rows.
///
/// # Errors
///
/// Writing fails.
pub fn write(
    out: &mut impl Write,
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Result<(), Error> {
    let mut writer = ::csv::Writer::from_writer(out);
    for row in rows {
        writer.write_record(row).map_err(io)?;
    }
    writer.flush()?;
    Ok(())
}

fn io(error: ::csv::Error) -> Error {
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error.into(),
        other => Error::Failed(format!("cannot write CSV: {other:?}")),
    }
}

/// A cell that may be empty.
pub fn cell<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// Writes a view, after a header if it is the first.
pub(super) fn view(out: &mut impl Write, view: &View, first: bool) -> Result<(), Error> {
    let (of, vm, vcpu, cpu) = match view.subject {
        Subject::Guest => ("guest", None, None, None),
        Subject::Of(Scope::Host) => ("host", None, None, None),
        Subject::Vms => ("vms", None, None, None),
        Subject::Of(Scope::Vm(vm)) => ("vm", Some(vm), None, None),
        Subject::Of(Scope::Vcpu((vm, vcpu))) => ("vcpu", Some(vm), Some(vcpu), None),
        Subject::Of(Scope::Cpu(cpu)) => ("cpu", None, None, Some(cpu)),
    };
    let header = first.then(|| HEADER.map(str::to_owned).to_vec());
    let rows = view.rows.iter().chain([&view.total]).map(|row| {
        let figures = view.figures(row);
        let detail = row.line.detail.as_ref();
        let (max, from, below) = match figures.longest {
            None => (None, None, None),
            Some(Longest::Exactly(cycles)) => (Some(cycles), None, None),
            Some(Longest::InBucket(b)) => (None, Some(bucket_begin(b)), Some(bucket_begin(b + 1))),
        };
        vec![
            cell(view.realtime),
            cell(view.seconds),
            of.to_owned(),
            cell(vm),
            cell(vcpu),
            cell(cpu),
            cell(row.reason.map(|reason| reason.number)),
            row.name(),
            figures.exits.to_string(),
            cell(figures.exits_per_second),
            cell(figures.exits_share),
            cell(figures.cycles),
            cell(figures.cycles_share),
            cell(
                figures
                    .cycles
                    .and_then(|cycles| view.seconds_of(cycles as f64)),
            ),
            cell(figures.average),
            cell(figures.p50),
            cell(figures.p99),
            cell(max),
            cell(from),
            cell(below),
            cell(
                detail
                    .map(|detail| detail.user_exits)
                    .filter(|_| view.has_times()),
            ),
            cell(figures.user_cycles),
            cell(figures.user_share),
            cell(view.tsc_khz),
            cell(view.counted_by.map(CountedBy::word)),
            vendor(view.isa).to_owned(),
            cell(detail.map(|detail| detail.nested)),
            cell(detail.map(|detail| detail.reflected)),
            cell(figures.time_cycles),
            cell(figures.time_share),
            cell(view.host_name.clone()),
            cell(view.identity.as_ref().and_then(Identity::name)),
            cell(view.identity.as_ref().and_then(Identity::uuid)),
        ]
    });
    write(out, header.into_iter().chain(rows))
}
