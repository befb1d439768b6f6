// SPDX-License-Identifier: GPL-2.0

//! JSON, one document per line. docs/json.md describes the schema.

use crate::{
    counted_by::CountedBy,
    error::Error,
    model::{Longest, Scope},
    reason::vendor,
    view::{Row, Subject, View},
    vm::identity::Identity,
};
use exitstat_core::{histogram::bucket_begin, snapshot::BUCKETS};
use jiff::Timestamp;
use serde::Serialize;
use std::io::Write;

/// Version in every document. It changes if readers of older documents would misread newer ones; new fields do not
/// change it.
pub const SCHEMA: &str = "exitstat/1";

/// Fields at the start of every document.
#[derive(Serialize)]
struct Document<'a, T> {
    schema: &'static str,
    document: &'a str,
    #[serde(flatten)]
    content: T,
}

/// Writes a document.
///
/// # Errors
///
/// Writing fails.
pub fn write(out: &mut impl Write, document: &str, content: impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_string(&Document {
        schema: SCHEMA,
        document,
        content,
    });
    let text = text.map_err(|error| Error::Failed(format!("cannot write JSON: {error}")))?;
    writeln!(out, "{text}")?;
    Ok(())
}

/// Subject of a document.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Of {
    Host,
    Vms,
    Vm {
        vm: u64,
        name: Option<String>,
        uuid: Option<String>,
    },
    Vcpu {
        vm: u64,
        vcpu: u32,
        name: Option<String>,
        uuid: Option<String>,
    },
    Cpu {
        cpu: u32,
    },
    Guest,
}

impl Of {
    /// Returns a subject with the known identity of its VM.
    #[must_use]
    pub fn new(subject: Subject, identity: Option<&Identity>) -> Self {
        let name = identity.and_then(Identity::name);
        let uuid = identity.and_then(Identity::uuid);
        match subject {
            Subject::Guest => Self::Guest,
            Subject::Of(Scope::Host) => Self::Host,
            Subject::Vms => Self::Vms,
            Subject::Of(Scope::Vm(vm)) => Self::Vm { vm, name, uuid },
            Subject::Of(Scope::Vcpu((vm, vcpu))) => Self::Vcpu {
                vm,
                vcpu,
                name,
                uuid,
            },
            Subject::Of(Scope::Cpu(cpu)) => Self::Cpu { cpu },
        }
    }
}

/// Document of a view.
#[derive(Serialize)]
pub struct Exits {
    of: Of,
    source: Option<&'static str>,
    vendor: &'static str,
    time: Option<String>,
    hostname: Option<String>,
    seconds: Option<f64>,
    tsc_khz: Option<u32>,
    reloads: u32,
    unattached: u64,
    generation: Option<u32>,
    total: Reason,
    reasons: Vec<Reason>,
}

#[derive(Serialize)]
struct Reason {
    number: Option<u32>,
    name: String,
    exits: u64,
    exits_per_second: Option<f64>,
    exits_share: Option<f64>,
    cycles: Option<u64>,
    cycles_share: Option<f64>,
    cycles_seconds: Option<f64>,
    average_cycles: Option<f64>,
    time_cycles: Option<u64>,
    time_share: Option<f64>,
    vcpus: Option<Detail>,
}

#[derive(Serialize)]
struct Detail {
    exits: u64,
    cycles: Option<u64>,
    p50_cycles: Option<u64>,
    p99_cycles: Option<u64>,
    max_cycles: Option<u64>,
    max_bucket: Option<Range>,
    user_exits: Option<u64>,
    user_cycles: Option<u64>,
    user_share: Option<f64>,
    nested_exits: u64,
    reflected_exits: u64,
    histogram: Vec<Bucket>,
}

#[derive(Serialize)]
struct Range {
    from_cycles: u64,
    below_cycles: Option<u64>,
}

#[derive(Serialize)]
struct Bucket {
    #[serde(flatten)]
    range: Range,
    exits: u64,
}

fn range(bucket: u32) -> Range {
    Range {
        from_cycles: bucket_begin(bucket),
        below_cycles: (bucket as usize + 1 < BUCKETS).then(|| bucket_begin(bucket + 1)),
    }
}

/// Formats nanoseconds since 1970 as RFC 3339.
#[must_use]
pub fn time(realtime: u64) -> Option<String> {
    let time = Timestamp::from_nanosecond(realtime.into()).ok()?;
    Some(time.to_string())
}

/// Writes a view.
pub(super) fn view(out: &mut impl Write, view: &View) -> Result<(), Error> {
    write(out, "exits", exits(view))
}

/// Returns the document of a view.
#[must_use]
pub fn exits(view: &View) -> Exits {
    Exits {
        of: Of::new(view.subject, view.identity.as_ref()),
        source: view.counted_by.map(CountedBy::word),
        vendor: vendor(view.isa),
        time: view.realtime.and_then(time),
        hostname: view.host_name.clone(),
        seconds: view.seconds,
        tsc_khz: view.tsc_khz,
        reloads: view.reloads,
        unattached: view.unattached,
        generation: view.generation,
        total: reason(view, &view.total),
        reasons: view.rows.iter().map(|row| reason(view, row)).collect(),
    }
}

fn reason(view: &View, row: &Row) -> Reason {
    let figures = view.figures(row);
    let timed = view.has_times();
    let detail = row.line.detail.as_ref().map(|detail| Detail {
        exits: detail.exits,
        cycles: timed.then_some(detail.cycles),
        p50_cycles: figures.p50,
        p99_cycles: figures.p99,
        max_cycles: match figures.longest {
            Some(Longest::Exactly(cycles)) => Some(cycles),
            _ => None,
        },
        max_bucket: match figures.longest {
            Some(Longest::InBucket(bucket)) => Some(range(bucket)),
            _ => None,
        },
        user_exits: timed.then_some(detail.user_exits),
        user_cycles: figures.user_cycles,
        user_share: figures.user_share,
        nested_exits: detail.nested,
        reflected_exits: detail.reflected,
        histogram: (0..)
            .zip(detail.histogram.buckets())
            .filter(|&(_, exits)| exits != 0)
            .map(|(bucket, exits)| Bucket {
                range: range(bucket),
                exits,
            })
            .collect(),
    });
    Reason {
        number: row.reason.map(|reason| reason.number),
        name: row.name(),
        exits: figures.exits,
        exits_per_second: figures.exits_per_second,
        exits_share: figures.exits_share,
        cycles: figures.cycles,
        cycles_share: figures.cycles_share,
        cycles_seconds: figures
            .cycles
            .and_then(|cycles| view.seconds_of(cycles as f64)),
        average_cycles: figures.average,
        time_cycles: figures.time_cycles,
        time_share: figures.time_share,
        vcpus: detail,
    }
}
