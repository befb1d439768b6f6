// SPDX-License-Identifier: GPL-2.0

//! Results of the benchmarks, as tables and as JSON.

use crate::{
    estimates::{Estimates, Median},
    machine, memory, table,
};
use comfy_table::Table;
use exitstat_bench::cases::{Case, CASES};
use serde_json::{json, Map, Value};

/// Exits on this many CPUs concurrently: recorded, or from begin to end.
#[derive(Debug)]
struct Exits {
    cpus: usize,
    exitstat: Median,
    shared_atomics: Median,
    /// The part that both methods share.
    common: Median,
}

/// A group of benchmarks of exits.
struct Group {
    name: &'static str,
    /// The benchmark for [`Exits::common`], and its description in the table.
    common: (&'static str, &'static str),
    /// The benchmark of overhead that belongs to no exit and is subtracted from the others.
    overhead: Option<&'static str>,
}

const RECORDING: Group = Group {
    name: "recording",
    common: ("nothing", "the call alone, ns"),
    overhead: None,
};

const WHOLE_EXIT: Group = Group {
    name: "whole_exit",
    common: ("clock", "two RDTSC alone, ns"),
    overhead: Some("nothing"),
};

impl Exits {
    /// Returns the exits of a group of benchmarks, by number of CPUs.
    fn of(estimates: &Estimates, group: &Group) -> Result<Vec<Self>, String> {
        let of_cpus = |name: &String| {
            let name = name.strip_prefix(group.name)?;
            name.strip_prefix("/exitstat/")?.parse().ok()
        };
        let mut cpus: Vec<usize> = estimates.keys().filter_map(of_cpus).collect();
        cpus.sort_unstable();
        let rows = cpus.into_iter().map(|cpus| {
            let raw = |way| get(estimates, &format!("{}/{way}/{cpus}", group.name));
            let overhead = group.overhead.map(raw).transpose()?;
            let net = |way| raw(way).map(|all| overhead.map_or(all, |part| without(all, part)));
            Ok(Self {
                cpus,
                exitstat: net("exitstat")?,
                shared_atomics: net("shared_atomics")?,
                common: net(group.common.0)?,
            })
        });
        rows.collect()
    }

    /// Returns how many times as long the other method takes.
    fn ratio(&self) -> f64 {
        self.shared_atomics.ns / self.exitstat.ns
    }
}

/// Subtracts a part. The interval of the result covers both intervals.
fn without(all: Median, part: Median) -> Median {
    Median {
        ns: all.ns - part.ns,
        lower: all.lower - part.upper,
        upper: all.upper - part.lower,
    }
}

fn get(estimates: &Estimates, name: &str) -> Result<Median, String> {
    let median = estimates.get(name).copied();
    median.ok_or_else(|| format!("Criterion has nothing about {name}"))
}

/// A snapshot, written and parsed.
#[derive(Debug)]
struct Reading {
    case: Case,
    bytes: usize,
    write: Median,
    parse: Median,
}

impl Reading {
    fn parse_per_byte(&self) -> f64 {
        self.parse.ns / self.bytes as f64
    }
}

/// Limit of the time per byte to parse a large snapshot, relative to one that fits into the caches.
/// On a busy machine 1.8 was seen; with samples of ten times the snapshot's size, 6 on an idle one.
const LINEAR: f64 = 3.0;

/// All measurements.
#[derive(Debug)]
pub struct Results {
    recording: Vec<Exits>,
    whole_exit: Vec<Exits>,
    reading: Vec<Reading>,
}

impl Results {
    /// Collects the measurements from Criterion's estimates.
    pub fn new(estimates: &Estimates) -> Result<Self, String> {
        let reading = CASES.into_iter().map(|case| {
            Ok(Reading {
                case,
                bytes: case.host().snapshot().len(),
                write: get(estimates, &format!("reading/write/{}", case.name))?,
                parse: get(estimates, &format!("reading/parse/{}", case.name))?,
            })
        });
        Ok(Self {
            recording: Exits::of(estimates, &RECORDING)?,
            whole_exit: Exits::of(estimates, &WHOLE_EXIT)?,
            reading: reading.collect::<Result<_, String>>()?,
        })
    }

    /// Returns the table of recording for the terminal.
    pub fn recording_table(&self) -> Table {
        exits_table(&self.recording, &RECORDING)
    }

    /// Returns the table of whole exits for the terminal.
    pub fn whole_exit_table(&self) -> Table {
        exits_table(&self.whole_exit, &WHOLE_EXIT)
    }

    /// Returns the table of reading for the terminal.
    pub fn reading_table(&self) -> Table {
        let header = ["vCPUs", "CPUs", "bytes", "write, µs", "parse, µs"];
        let mut table = table::new(&header, 0);
        for row in &self.reading {
            table.add_row([
                row.case.vcpus.to_string(),
                row.case.cpus.to_string(),
                row.bytes.to_string(),
                with_interval(in_us(row.write)),
                with_interval(in_us(row.parse)),
            ]);
        }
        table
    }

    /// Returns messages about snapshots that take too long to parse per byte: more than [`LINEAR`]
    /// times as long as that of 8 vCPUs.
    pub fn complaints(&self) -> Vec<String> {
        let eight = self.reading.iter().find(|row| row.case.name == "8");
        let limit = eight.map_or(0.0, Reading::parse_per_byte) * LINEAR;
        let slow = self
            .reading
            .iter()
            .filter(|row| row.parse_per_byte() > limit);
        slow.map(|row| {
            format!(
                "parsing is not linear: {}: {:.2} ns per byte, limit {limit:.2}",
                row.case.name,
                row.parse_per_byte()
            )
        })
        .collect()
    }

    /// Returns the results as JSON. docs/bench.md describes the keys.
    pub fn json(&self, memory: &[memory::Item]) -> Value {
        let by_cpus = |rows: &[Exits], of: fn(&Exits) -> f64| {
            let rows = rows.iter();
            map(rows.map(|row| (row.cpus.to_string(), of(row).into())))
        };
        let by_way = |rows: &[Exits], group: &Group| {
            json!({
                "exitstat": by_cpus(rows, |row| row.exitstat.ns),
                "shared_atomics": by_cpus(rows, |row| row.shared_atomics.ns),
                (group.common.0): by_cpus(rows, |row| row.common.ns),
            })
        };
        let reading = |of: fn(&Reading) -> Value| {
            let rows = self.reading.iter();
            map(rows.map(|row| (row.case.name.to_owned(), of(row))))
        };
        json!({
            "machine": machine::json(),
            "recording_ns": by_way(&self.recording, &RECORDING),
            "recording_ratio": by_cpus(&self.recording, Exits::ratio),
            "whole_exit_ns": by_way(&self.whole_exit, &WHOLE_EXIT),
            "whole_exit_ratio": by_cpus(&self.whole_exit, Exits::ratio),
            "snapshot_ns": {
                "write": reading(|row| row.write.ns.into()),
                "parse": reading(|row| row.parse.ns.into()),
            },
            "snapshot_bytes": reading(|row| row.bytes.into()),
            "memory_bytes": memory::json(memory),
        })
    }
}

fn exits_table(rows: &[Exits], group: &Group) -> Table {
    let header = [
        "CPUs at once",
        "exitstat, ns",
        "shared atomics, ns",
        "ratio",
        group.common.1,
    ];
    let mut table = table::new(&header, 0);
    for row in rows {
        table.add_row([
            row.cpus.to_string(),
            with_interval(row.exitstat),
            with_interval(row.shared_atomics),
            format!("{:.2}", row.ratio()),
            with_interval(row.common),
        ]);
    }
    table
}

fn map(pairs: impl Iterator<Item = (String, Value)>) -> Value {
    Value::Object(pairs.collect::<Map<_, _>>())
}

fn in_us(median: Median) -> Median {
    Median {
        ns: median.ns / 1e3,
        lower: median.lower / 1e3,
        upper: median.upper / 1e3,
    }
}

fn with_interval(median: Median) -> String {
    let Median { ns, lower, upper } = median;
    format!("{ns:.2} ({lower:.2}-{upper:.2})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn median(ns: f64) -> Median {
        Median {
            ns,
            lower: ns - 1.0,
            upper: ns + 1.0,
        }
    }

    fn estimates() -> Estimates {
        let mut estimates = Estimates::new();
        for (cpus, shared) in [(10, 500.0), (2, 40.0), (1, 20.0)] {
            for (name, ns) in [
                ("exitstat", 5.0),
                ("shared_atomics", shared),
                ("nothing", 1.5),
            ] {
                estimates.insert(format!("recording/{name}/{cpus}"), median(ns));
                estimates.insert(format!("whole_exit/{name}/{cpus}"), median(ns + 20.0));
            }
            estimates.insert(format!("whole_exit/clock/{cpus}"), median(23.5));
        }
        for case in CASES {
            let ns = f64::from(case.cpus + case.vcpus) * 1e3;
            estimates.insert(format!("reading/write/{}", case.name), median(ns));
            estimates.insert(format!("reading/parse/{}", case.name), median(ns * 2.0));
        }
        estimates
    }

    #[test]
    fn the_json_has_all_keys() {
        let json = Results::new(&estimates()).unwrap().json(&[]);
        for (pointer, expected) in [
            ("/recording_ns/exitstat/1", 5.0),
            ("/recording_ns/shared_atomics/2", 40.0),
            ("/recording_ns/nothing/10", 1.5),
            ("/recording_ratio/10", 100.0),
            ("/whole_exit_ns/exitstat/1", 3.5),
            ("/whole_exit_ns/shared_atomics/2", 38.5),
            ("/whole_exit_ns/clock/10", 2.0),
            ("/whole_exit_ratio/2", 11.0),
            ("/snapshot_ns/write/8", 16e3),
            ("/snapshot_ns/parse/32_vcpus_640_cpus", 1344e3),
        ] {
            assert_eq!(json.pointer(pointer), Some(&expected.into()), "{pointer}");
        }
        assert!(json["snapshot_bytes"]["512"].as_u64() > Some(100_000));
    }

    fn rows(table: &Table) -> Vec<String> {
        let rows = table.row_iter().map(|row| {
            let cells: Vec<_> = row.cell_iter().map(|cell| cell.content()).collect();
            cells.join("|")
        });
        rows.collect()
    }

    #[test]
    fn the_tables_are_by_number_of_cpus() {
        let results = Results::new(&estimates()).unwrap();
        let rows_of_whole_exits = rows(&results.whole_exit_table());
        // Without the loop's 21.5 (20.5-22.5).
        assert_eq!(
            rows_of_whole_exits[0],
            "1|3.50 (1.50-5.50)|18.50 (16.50-20.50)|5.29|2.00 (0.00-4.00)"
        );
        let rows = rows(&results.recording_table());
        assert_eq!(
            rows[0],
            "1|5.00 (4.00-6.00)|20.00 (19.00-21.00)|4.00|1.50 (0.50-2.50)"
        );
        assert!(rows[2].starts_with("10|"), "{rows:?}");
    }

    #[test]
    fn a_large_snapshot_may_not_take_much_longer_per_byte_than_a_small_one() {
        let mut estimates = estimates();
        let complaints = |estimates: &_| Results::new(estimates).unwrap().complaints();
        assert_eq!(complaints(&estimates), [""; 0]);
        estimates.insert("reading/parse/512".to_owned(), median(1024.0 * 2e3 * 4.0));
        let complaints = complaints(&estimates);
        assert_eq!(complaints.len(), 1);
        assert!(complaints[0].contains(": 512: "), "{complaints:?}");
    }

    #[test]
    fn what_is_missing_is_named() {
        for name in [
            "recording/nothing/2",
            "whole_exit/shared_atomics/10",
            "reading/parse/512",
        ] {
            let mut estimates = estimates();
            estimates.remove(name);
            let error = Results::new(&estimates).unwrap_err();
            assert!(error.ends_with(name), "{error}");
        }
    }
}
