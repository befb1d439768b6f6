// SPDX-License-Identifier: GPL-2.0

//! `exitstat explain --from` and the like: explains the most frequent captured exits, and how to reduce
//! them.

use super::{find, keys, wrap};
use crate::{
    cli::{ExplainArgs, Format},
    commands::look::{details, period},
    detail::{Names, Row, Rows},
    error::Error,
    model::{Period, Scope},
    output::{csv, json, table},
    reason::Reason,
    view::not_there,
    vm::wanted::vm,
};
use exitstat_core::{key::has_keys, tally::Tally};
use serde::Serialize;
use std::{cmp::Reverse, io::Write};

/// Minimum share of all exits, or of their time, that a table shows, unless a reason is given.
const WORTH_TELLING: f64 = 0.01;

/// Number of keys in a heading.
const NAMED: usize = 2;

/// Exits of one reason that get the same advice.
struct Group {
    reason: Reason,
    /// Their keys by descending frequency.
    keys: Vec<String>,
    tally: Tally,
    /// Cycles of wall time in userspace.
    user_cycles: u64,
    /// All exits of the reason.
    of: Tally,
    does: &'static str,
    fewer: &'static str,
}

/// All groups, and the total.
struct Found {
    period: Period,
    scope: Scope,
    groups: Vec<Group>,
    total: Tally,
    /// Cycles of wall time in userspace, for all exits.
    user_cycles: u64,
}

/// Runs the command. Returns whether the recording was complete.
///
/// # Errors
///
/// Nothing was captured, reading fails, or writing fails.
pub fn run(args: &ExplainArgs, width: usize, out: &mut impl Write) -> Result<bool, Error> {
    let (found, whole) = Found::of(args)?;
    match args.format {
        Format::Table => found.table(out, args.reason.is_some(), width),
        Format::Json => found.json(out),
        Format::Csv => found.csv(out),
    }?;
    Ok(whole)
}

impl Found {
    fn of(args: &ExplainArgs) -> Result<(Self, bool), Error> {
        let (period, whole) = period(&args.look)?;
        let wanted = args.reason.as_slice();
        let details = details(&period, args.look.source.from.as_deref())?;
        let scope = vm(args.vm.as_ref(), &period.counts)?.map_or(Scope::Host, Scope::Vm);
        let rows = Rows::of(&period, details, scope, &[]).ok_or_else(|| not_there(scope))?;
        let total = rows.tally();
        let names = Names::default();
        let mut groups: Vec<Group> = Vec::new();
        for row in &rows.rows {
            let Some((does, fewer)) = advice(row, rows.with_key) else {
                continue;
            };
            let tally = row.tally();
            let same =
                |group: &&mut Group| group.reason == row.reason && std::ptr::eq(group.does, does);
            match groups.iter_mut().find(same) {
                Some(group) => {
                    group.tally = group.tally.plus(tally);
                    group.user_cycles = group.user_cycles.wrapping_add(row.counts.user_cycles);
                    let key = names.what_of(row.reason, row.id);
                    if !group.keys.contains(&key) {
                        group.keys.push(key);
                    }
                }
                None => groups.push(Group {
                    reason: row.reason,
                    keys: vec![names.what_of(row.reason, row.id)],
                    tally,
                    user_cycles: row.counts.user_cycles,
                    of: Tally::default(),
                    does,
                    fewer,
                }),
            }
        }
        for group in &mut groups {
            group.keys.retain(|key| rows.with_key && !key.is_empty());
            let same = rows.rows.iter().filter(|row| row.reason == group.reason);
            group.of = same.map(Row::tally).sum();
        }
        groups.retain(|group| crate::reason::is_one_of(wanted, group.reason));
        groups.sort_by_key(|group| Reverse((group.time(), group.tally.exits)));
        let user_cycles = rows.rows.iter().map(|row| row.counts.user_cycles);
        let found = Self {
            period,
            scope,
            groups,
            total,
            user_cycles: user_cycles.fold(0, u64::wrapping_add),
        };
        Ok((found, whole))
    }

    /// Returns a group's shares of all exits, and of their kernel and userspace time.
    fn shares(&self, group: &Group) -> [f64; 2] {
        [
            share(group.tally.exits, self.total.exits),
            share(
                group.time(),
                self.total.cycles.wrapping_add(self.user_cycles),
            ),
        ]
    }

    fn heading(&self, group: &Group) -> String {
        let [exits, time] = self.shares(group).map(percent);
        let of_all = format!("{exits} of all exits, {time} of their time");
        let named = group.keys.iter().take(NAMED).cloned().collect::<Vec<_>>();
        let (are, more) = match group.keys.len() {
            0 => return format!("{}: {of_all}", group.reason),
            1 => ("is", String::new()),
            n if n > NAMED => ("are", format!(" and {} more", n - NAMED)),
            _ => ("are", String::new()),
        };
        format!(
            "{} of {} {are} {}{more}: {of_all}",
            percent(share(group.tally.exits, group.of.exits)),
            group.reason,
            named.join(", "),
        )
    }

    fn table(&self, out: &mut impl Write, all: bool, width: usize) -> Result<(), Error> {
        writeln!(out, "{}", table::heading(&self.period, self.scope))?;
        let (mut left, mut text) = (Tally::default(), String::new());
        for group in &self.groups {
            let [exits, time] = self.shares(group);
            if !all && exits < WORTH_TELLING && time < WORTH_TELLING {
                left = left.plus(group.tally);
                continue;
            }
            text.push('\n');
            wrap(&mut text, &self.heading(group), width, 0);
            wrap(&mut text, group.does, width, 2);
            if !group.fewer.is_empty() {
                let fewer = format!("To reduce them: {}", group.fewer);
                wrap(&mut text, &fewer, width, 2);
            }
        }
        out.write_all(text.as_bytes())?;
        if left.exits != 0 {
            let share = percent(share(left.exits, self.total.exits));
            let text = format!(
                "Other kinds: {share} of all exits (`explain REASON` lists those of one reason)."
            );
            writeln!(out)?;
            table::sentence(out, &text, Some(width))?;
        }
        Ok(())
    }

    fn json(&self, out: &mut impl Write) -> Result<(), Error> {
        #[derive(Serialize)]
        struct Advice<'a> {
            seconds: Option<f64>,
            tsc_khz: u32,
            exits: u64,
            cycles: u64,
            user_cycles: u64,
            advice: Vec<Entry<'a>>,
        }
        #[derive(Serialize)]
        struct Entry<'a> {
            number: u32,
            name: String,
            keys: &'a [String],
            exits: u64,
            cycles: u64,
            user_cycles: u64,
            exits_of_reason: u64,
            does: &'static str,
            fewer: &'static str,
        }
        let entries = self.groups.iter().map(|group| Entry {
            number: group.reason.number,
            name: group.reason.to_string(),
            keys: &group.keys,
            exits: group.tally.exits,
            cycles: group.tally.cycles,
            user_cycles: group.user_cycles,
            exits_of_reason: group.of.exits,
            does: group.does,
            fewer: group.fewer,
        });
        let content = Advice {
            seconds: self.period.seconds.map(|seconds| seconds.0),
            tsc_khz: self.period.end.tsc_khz,
            exits: self.total.exits,
            cycles: self.total.cycles,
            user_cycles: self.user_cycles,
            advice: entries.collect(),
        };
        json::write(out, "advice", content)
    }

    fn csv(&self, out: &mut impl Write) -> Result<(), Error> {
        let header = "number,name,keys,exits,cycles,exits_of_reason,tsc_khz,does,fewer,user_cycles";
        let header = header.split(',').map(str::to_owned).collect();
        let rows = self.groups.iter().map(|group| {
            vec![
                group.reason.number.to_string(),
                group.reason.to_string(),
                group.keys.join("; "),
                group.tally.exits.to_string(),
                group.tally.cycles.to_string(),
                group.of.exits.to_string(),
                self.period.end.tsc_khz.to_string(),
                group.does.to_owned(),
                group.fewer.to_owned(),
                group.user_cycles.to_string(),
            ]
        });
        csv::write(out, std::iter::once(header).chain(rows))
    }
}

impl Group {
    /// Returns the cycles in the kernel and in userspace.
    fn time(&self) -> u64 {
        self.tally.cycles.wrapping_add(self.user_cycles)
    }
}

/// Returns the meaning of a row's exits and how to reduce them: by key if known, otherwise by reason.
fn advice(row: &Row, with_key: bool) -> Option<(&'static str, &'static str)> {
    let keyed = with_key && has_keys(row.reason.number);
    let known = match row.id.filter(|_| keyed) {
        Some(id) => keys::find(id.reason, id.key),
        None => keyed.then_some(&keys::NOT_CAPTURED),
    };
    match known {
        Some(advice) => Some((advice.does, advice.fewer)),
        None => find(row.reason).map(|page| (page.causes, page.fewer)),
    }
}

fn share(part: u64, all: u64) -> f64 {
    part as f64 / all.max(1) as f64
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
