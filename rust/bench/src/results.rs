// SPDX-License-Identifier: GPL-2.0

//! What the benchmarks say, as tables and as JSON.

use crate::{
    estimates::{Estimates, Median},
    machine, memory, table,
};
use comfy_table::Table;
use exitstat_bench::cases::{Case, CASES};
use serde_json::{json, Map, Value};

/// An exit recorded on so many CPUs at once.
#[derive(Debug)]
struct Recording {
    cpus: usize,
    exitstat: Median,
    shared_atomics: Median,
    nothing: Median,
}

impl Recording {
    /// How many times as long the other way takes.
    fn ratio(&self) -> f64 {
        self.shared_atomics.ns / self.exitstat.ns
    }
}

/// A snapshot written and parsed.
#[derive(Debug)]
struct Reading {
    case: Case,
    bytes: usize,
    write: Median,
    parse: Median,
}

/// All that was measured.
#[derive(Debug)]
pub struct Results {
    recording: Vec<Recording>,
    reading: Vec<Reading>,
}

impl Results {
    /// Of Criterion's estimates.
    pub fn new(estimates: &Estimates) -> Result<Self, String> {
        let get = |name: &str| {
            let median = estimates.get(name).copied();
            median.ok_or_else(|| format!("Criterion has nothing about {name}"))
        };
        let of_cpus = |name: &String| name.strip_prefix("recording/exitstat/")?.parse().ok();
        let mut cpus: Vec<usize> = estimates.keys().filter_map(of_cpus).collect();
        cpus.sort_unstable();
        let recording = cpus.into_iter().map(|cpus| {
            Ok(Recording {
                cpus,
                exitstat: get(&format!("recording/exitstat/{cpus}"))?,
                shared_atomics: get(&format!("recording/shared_atomics/{cpus}"))?,
                nothing: get(&format!("recording/nothing/{cpus}"))?,
            })
        });
        let reading = CASES.into_iter().map(|case| {
            Ok(Reading {
                case,
                bytes: case.host().snapshot().len(),
                write: get(&format!("reading/write/{}", case.name))?,
                parse: get(&format!("reading/parse/{}", case.name))?,
            })
        });
        Ok(Self {
            recording: recording.collect::<Result<_, String>>()?,
            reading: reading.collect::<Result<_, String>>()?,
        })
    }

    /// For the terminal: recording.
    pub fn recording_table(&self) -> Table {
        let header = [
            "CPUs at once",
            "exitstat, ns",
            "shared atomics, ns",
            "ratio",
            "the call alone, ns",
        ];
        let mut table = table::new(&header, 0);
        for row in &self.recording {
            table.add_row([
                row.cpus.to_string(),
                with_interval(row.exitstat),
                with_interval(row.shared_atomics),
                format!("{:.2}", row.ratio()),
                with_interval(row.nothing),
            ]);
        }
        table
    }

    /// For the terminal: reading.
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

    /// The keys are described in docs/bench.md.
    pub fn json(&self, memory: &[memory::Item]) -> Value {
        let recording = |of: fn(&Recording) -> f64| {
            let rows = self.recording.iter();
            map(rows.map(|row| (row.cpus.to_string(), of(row).into())))
        };
        let reading = |of: fn(&Reading) -> Value| {
            let rows = self.reading.iter();
            map(rows.map(|row| (row.case.name.to_owned(), of(row))))
        };
        json!({
            "machine": machine::json(),
            "recording_ns": {
                "exitstat": recording(|row| row.exitstat.ns),
                "shared_atomics": recording(|row| row.shared_atomics.ns),
                "nothing": recording(|row| row.nothing.ns),
            },
            "recording_ratio": recording(Recording::ratio),
            "snapshot_ns": {
                "write": reading(|row| row.write.ns.into()),
                "parse": reading(|row| row.parse.ns.into()),
            },
            "snapshot_bytes": reading(|row| row.bytes.into()),
            "memory_bytes": memory::json(memory),
        })
    }
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
            }
        }
        for (case, ns) in CASES.iter().zip([1e3, 2e3, 3e3, 4e3, 5e3]) {
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
            ("/snapshot_ns/write/8", 2e3),
            ("/snapshot_ns/parse/32_vcpus_640_cpus", 1e4),
        ] {
            assert_eq!(json.pointer(pointer), Some(&expected.into()), "{pointer}");
        }
        assert!(json["snapshot_bytes"]["512"].as_u64() > Some(100_000));
    }

    #[test]
    fn the_tables_are_by_number_of_cpus() {
        let table = Results::new(&estimates()).unwrap().recording_table();
        let rows: Vec<_> = table
            .row_iter()
            .map(|row| {
                let cells: Vec<_> = row.cell_iter().map(|cell| cell.content()).collect();
                cells.join("|")
            })
            .collect();
        assert_eq!(
            rows[0],
            "1|5.00 (4.00-6.00)|20.00 (19.00-21.00)|4.00|1.50 (0.50-2.50)"
        );
        assert!(rows[2].starts_with("10|"), "{rows:?}");
    }

    #[test]
    fn what_is_missing_is_named() {
        for name in ["recording/nothing/2", "reading/parse/512"] {
            let mut estimates = estimates();
            estimates.remove(name);
            let error = Results::new(&estimates).unwrap_err();
            assert!(error.ends_with(name), "{error}");
        }
    }
}
