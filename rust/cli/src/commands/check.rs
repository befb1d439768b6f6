// SPDX-License-Identifier: GPL-2.0

//! `exitstat check`: fails if a recording exceeds its budget.

use crate::{
    cli::{CheckArgs, Format},
    counted_by::CountedBy,
    detail::{Entries, Part},
    error::Error,
    model::{total, Line, Scope},
    output::{self, csv, json, table, width},
    reason::{self, Reason, Wanted},
    source::recording::{Ending, Recording},
    view::{not_there, unknown_last_exits},
    vm::wanted::scope,
};
use exitstat_core::isa::Isa;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fs, io::Write, process::ExitCode};

/// Upper limits; `None` is unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    exits: Option<u64>,
    cycles: Option<u64>,
    user_exits: Option<u64>,
    user_cycles: Option<u64>,
    time_cycles: Option<u64>,
}

/// The budget file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    total: Option<Limit>,
    reason: BTreeMap<String, Limit>,
    port: BTreeMap<String, Limit>,
    msr: BTreeMap<String, Limit>,
    leaf: BTreeMap<String, Limit>,
    hypercall: BTreeMap<String, Limit>,
    mmio: BTreeMap<String, Limit>,
}

/// A budget: limits in total, by reason and by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    total: Option<Limit>,
    reasons: Vec<(Wanted, Limit)>,
    parts: Vec<(Part, Limit)>,
}

/// The exits that a limit applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    All,
    Reason(Wanted),
    Part(Part),
}

impl Budget {
    /// Parses TOML.
    ///
    /// # Errors
    ///
    /// The text is not a valid budget.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut reasons: Vec<(Wanted, Limit)> = Vec::new();
        for (name, limit) in file.reason {
            let wanted = reason::parse(&name)?;
            if let Some((twice, _)) = reasons.iter().find(|(other, _)| wanted.overlaps(*other)) {
                let twice = twice.reasons().find(|&reason| wanted.is(reason));
                let twice = twice.map(|reason| format!("{reason} ({})", reason.number()));
                let twice = twice.unwrap_or_default();
                return Err(format!("duplicate budget for {twice}"));
            }
            reasons.push((wanted, limit));
        }
        reasons.sort_by_key(|(wanted, _)| wanted.reasons().next());
        let kinds = [
            ("port", file.port),
            ("msr", file.msr),
            ("leaf", file.leaf),
            ("hypercall", file.hypercall),
            ("mmio", file.mmio),
        ];
        let mut parts = Vec::new();
        for (kind, limits) in kinds {
            for (text, limit) in limits {
                let part = Part::parse(kind, &text)?;
                if parts.iter().any(|&(other, _)| other == part) {
                    return Err(format!("duplicate budget for {part}"));
                }
                parts.push((part, limit));
            }
        }
        let budget = Self {
            total: file.total,
            reasons,
            parts,
        };
        // A budget without limits is a mistake: it would accept every recording.
        if budget.limits().next().is_none() {
            return Err(
                "the budget has no limits (`exitstat check --help` has an example)".to_owned(),
            );
        }
        Ok(budget)
    }

    /// Returns all limits with the exits and the counter they apply to.
    fn limits(&self) -> impl Iterator<Item = (Whose, What, u64)> + '_ {
        let total = self.total.iter().map(|limit| (Whose::All, limit));
        let reasons = self.reasons.iter();
        let reasons = reasons.map(|(wanted, limit)| (Whose::Reason(*wanted), limit));
        let parts = self.parts.iter();
        let parts = parts.map(|(part, limit)| (Whose::Part(*part), limit));
        total
            .chain(reasons)
            .chain(parts)
            .flat_map(|(whose, limit)| {
                let limits = [
                    (What::Exits, limit.exits),
                    (What::Cycles, limit.cycles),
                    (What::UserExits, limit.user_exits),
                    (What::UserCycles, limit.user_cycles),
                    (What::TimeCycles, limit.time_cycles),
                ];
                let limits = limits.into_iter();
                limits.filter_map(move |(what, most)| Some((whose, what, most?)))
            })
    }

    /// Compares each limit with the recording.
    fn check(
        &self,
        lines: &BTreeMap<Reason, Line>,
        entries: Option<&Entries>,
        isa: Isa,
    ) -> Vec<Verdict> {
        let all = total(lines.values());
        let none = Line::default();
        let of_line = |line: &Line, what| {
            let detail = line.detail.as_ref();
            match what {
                What::Exits => line.tally.exits,
                What::Cycles => line.tally.cycles,
                What::UserExits => detail.map_or(0, |detail| detail.user_exits),
                What::UserCycles => detail.map_or(0, |detail| detail.user_cycles),
                What::TimeCycles => line.time().unwrap_or(0),
            }
        };
        let of_part = |part, what| {
            let counts = entries.map(|entries| entries.of(part)).unwrap_or_default();
            match what {
                What::Exits => counts.exits,
                What::Cycles => counts.cycles,
                What::UserExits => counts.user_exits,
                What::UserCycles => counts.user_cycles,
                What::TimeCycles => counts.cycles.wrapping_add(counts.user_cycles),
            }
        };
        let verdict = |(whose, what, most): (Whose, What, u64)| {
            let (number, name, taken) = match whose {
                Whose::All => (None, reason::name_or_total(None), of_line(&all, what)),
                Whose::Reason(wanted) => {
                    // Reasons of the other vendor get no verdict.
                    let reason = wanted.reasons().find(|reason| reason.isa == isa)?;
                    let line = lines.get(&reason).unwrap_or(&none);
                    (Some(reason.number), reason.to_string(), of_line(line, what))
                }
                Whose::Part(part) => (None, part.to_string(), of_part(part, what)),
            };
            Some(Verdict {
                number,
                name,
                what,
                most,
                taken,
                over: taken > most,
            })
        };
        self.limits().filter_map(verdict).collect()
    }

    /// Returns why the exits by key are unknown or incomplete.
    fn parts_missing(
        &self,
        lines: &BTreeMap<Reason, Line>,
        entries: Option<&Entries>,
    ) -> Option<String> {
        let &(first, _) = self.parts.first()?;
        let Some(entries) = entries else {
            return Some(format!(
                "the recording has no details, but the budget limits {first}: record with --capture key"
            ));
        };
        let counted = |reason: &Reason, line: &Line| {
            let exits = line.detail.as_ref().map_or(0, |detail| detail.exits);
            exits > entries.exits(reason.number)
        };
        let (part, reason) = self.parts.iter().find_map(|&(part, _)| {
            let mut of_it = lines
                .iter()
                .filter(|(reason, _)| part.can_be_of(reason.number));
            let (reason, _) = of_it.find(|(reason, line)| counted(reason, line))?;
            Some((part, reason))
        })?;
        Some(format!(
            "some {reason} exits have no details and may belong to {part}"
        ))
    }
}

/// A limited counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Exits,
    Cycles,
    UserExits,
    UserCycles,
    TimeCycles,
}

impl What {
    fn name(self) -> &'static str {
        match self {
            Self::Exits => "exits",
            Self::Cycles => "cycles",
            Self::UserExits => "user_exits",
            Self::UserCycles => "user_cycles",
            Self::TimeCycles => "time_cycles",
        }
    }

    /// Returns whether only per-vCPU counters have it.
    fn needs_vcpus(self) -> bool {
        matches!(self, Self::UserExits | Self::UserCycles | Self::TimeCycles)
    }
}

/// A limit compared with the recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Verdict {
    number: Option<u32>,
    name: String,
    what: What,
    most: u64,
    taken: u64,
    over: bool,
}

/// Runs the command; the exit status is 1 if a limit is exceeded.
///
/// # Errors
///
/// A file cannot be read or is invalid, or the output cannot be written.
pub fn run(args: &CheckArgs) -> Result<ExitCode, Error> {
    let path = args.budget.display();
    let text = fs::read_to_string(&args.budget)
        .map_err(|error| Error::Usage(format!("cannot read {path}: {error}")))?;
    let budget = Budget::parse(&text).map_err(|why| Error::Usage(format!("{path}: {why}")))?;
    let mut limited = budget.limits().map(|(_, what, _)| what);
    if let (Some(_), Some(what)) = (args.scope.cpu, limited.find(|what| what.needs_vcpus())) {
        let what = what.name();
        return Err(Error::Usage(format!(
            "{path}: {what} cannot be checked with --cpu: CPUs count only exits and cycles"
        )));
    }
    let recording = Recording::open(&args.file)?;
    let scope = scope(&args.scope, &recording.period.counts)?;
    if budget.limits().any(|limit| limit.1 != What::Exits)
        && !CountedBy::of(&recording.last.header).has_times()
    {
        return Err(Error::Incomplete(format!(
            "{}: the recording has only exits (--counts), but {path} limits other counters too",
            args.file.display()
        )));
    }
    check_whole(args, &recording, scope, &budget)?;
    let lines = recording.period.counts.lines(scope);
    let lines = lines.ok_or_else(|| not_there(scope))?;
    let details = recording.period.details.as_ref();
    let entries = details.and_then(|details| details.by(scope));
    if let Some(why) = budget.parts_missing(&lines, entries.as_ref()) {
        if !args.partial || entries.is_none() {
            return Err(Error::Incomplete(format!("{}: {why}", args.file.display())));
        }
        crate::say!("exitstat: {}: {why}", args.file.display());
    }
    let verdicts = budget.check(&lines, entries.as_ref(), recording.period.end.isa());
    if verdicts.is_empty() {
        let vendor = reason::vendor(recording.period.end.isa());
        return Err(Error::Usage(format!(
            "{path}: the recording is from an {vendor} CPU, which has none of the reasons in the budget"
        )));
    }
    let over = verdicts.iter().any(|verdict| verdict.over);
    print(&mut output::stdout(), args.format, &verdicts)?;
    Ok(if over {
        ExitCode::from(1)
    } else {
        ExitCode::SUCCESS
    })
}

/// Rejects incomplete recordings, because the missing part could exceed the budget.
fn check_whole(
    args: &CheckArgs,
    recording: &Recording,
    scope: Scope,
    budget: &Budget,
) -> Result<(), Error> {
    let file = args.file.display();
    let unknown = unknown_last_exits(&recording.period.counts, scope);
    let users = budget.limits().any(|limit| limit.1.needs_vcpus());
    let unattached = recording.last.header.unattached > 0 && scope == Scope::Host;
    let by = CountedBy::of(&recording.last.header);
    let again = &format!("{} during the recording", by.again());
    let why = match &recording.ending {
        _ if recording.lost.places > 0 => "the recording is damaged",
        _ if recording.snapshots < 2 => "the recording has only one snapshot",
        _ if recording.period.reloads > 0 => again,
        _ if users && unattached => {
            "userspace was not counted for vCPUs whose counters could not be allocated"
        }
        Ending::Whole(_) => match &unknown {
            Some(unknown) => unknown,
            None => return Ok(()),
        },
        Ending::NotYet | Ending::CutOff => "the recording was cut off",
        Ending::Torn(_) => "the recording is torn or damaged",
    };
    if args.partial {
        crate::say!("exitstat: {file}: {why}; checking the available part");
        return Ok(());
    }
    Err(Error::Incomplete(format!(
        "{file}: {why}; record it again, or check the available part with --partial"
    )))
}

fn print(out: &mut impl Write, format: Format, verdicts: &[Verdict]) -> Result<(), Error> {
    let over = verdicts.iter().filter(|verdict| verdict.over).count();
    match format {
        Format::Json => {
            #[derive(Serialize)]
            struct Check<'a> {
                ok: bool,
                limits: &'a [Verdict],
            }
            let check = Check {
                ok: over == 0,
                limits: verdicts,
            };
            json::write(out, "check", check)?;
        }
        Format::Csv => {
            let header = "number,name,what,most,taken,over".split(',');
            let header = header.map(str::to_owned).collect();
            let rows = verdicts.iter().map(|verdict| {
                vec![
                    csv::cell(verdict.number),
                    verdict.name.clone(),
                    verdict.what.name().to_owned(),
                    verdict.most.to_string(),
                    verdict.taken.to_string(),
                    verdict.over.to_string(),
                ]
            });
            csv::write(out, std::iter::once(header).chain(rows))?;
        }
        Format::Table => {
            for verdict in verdicts {
                let Verdict {
                    name, most, taken, ..
                } = verdict;
                let what = verdict.what.name();
                match taken.checked_sub(*most) {
                    Some(excess) if excess > 0 => {
                        let percent = match most {
                            0 => String::new(),
                            _ => format!(", {:.1} %", excess as f64 / *most as f64 * 100.0),
                        };
                        let text = format!(
                            "OVER   {name} {what}: {taken}, budget {most} ({excess} more{percent})"
                        );
                        table::sentence(out, &text, width())?;
                    }
                    _ => {
                        let text = format!("ok     {name} {what}: {taken}, budget {most}");
                        table::sentence(out, &text, width())?;
                    }
                }
            }
            let plural = if verdicts.len() == 1 { "" } else { "s" };
            writeln!(out, "{} limit{plural}, {over} exceeded", verdicts.len())?;
        }
    }
    out.flush()?;
    Ok(())
}
