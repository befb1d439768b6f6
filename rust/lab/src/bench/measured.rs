// SPDX-License-Identifier: GPL-2.0

//! Measurements of the guests.

use crate::report::Report;
use std::collections::BTreeMap;

/// A row of a table: its key and its title.
pub type Row = (&'static str, &'static str);

/// Rows for the lab's own kernel.
pub const ROWS: &[Row] = &[
    ("unpatched", "KVM as it is"),
    ("patched", "patched KVM, no observer"),
    ("exitstat", "exitstat"),
    ("exitstat_detail", "exitstat, detail=key"),
    ("exitstat_detail_ip", "exitstat, detail=ip"),
    ("shared_atomics", "shared atomics"),
    ("hist", "hist trigger"),
    ("bpftrace_count", "bpftrace, counts"),
    ("tracepoints", "tracepoints"),
    ("perf", "perf kvm stat"),
    ("bpftrace_keys", "bpftrace, MSRs, ports, ..."),
    ("bpftrace_time", "bpftrace, counts and times"),
];

/// The row for Debian's kernel that is measured separately.
pub const BCC_ROWS: &[Row] = &[("kvmexit", "bcc's kvmexit, counts")];

/// Rows for Debian's kernel.
pub const STOCK_ROWS: &[Row] = &[
    ("unpatched", "KVM as it is"),
    ("exitstat", "exitstat, the module"),
    ("bpf_counts", "exitstat by BPF, --counts"),
    ("bpf", "exitstat by BPF"),
    ("bpf_off_cpu", "exitstat by BPF, --off-cpu"),
    ("hist", "hist trigger"),
    ("kvmexits", "bpftrace, counts and times"),
];

/// Columns: the name of the guest program, the key, and the title.
pub const PROGRAMS: [(&str, &str, &str); 5] = [
    ("cpuid", "cpuid", "CPUID"),
    ("wrmsr", "wrmsr", "WRMSR, fastpath"),
    ("hlt", "hlt", "HLT, woken"),
    ("pio", "pio", "port I/O, user space"),
    ("ept", "ept_violation", "EPT violation"),
];

/// Instructions from the guest's clock reading before an exit to the one after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Median of the rounds' medians.
    pub median: u64,
    /// Minimum and maximum of the rounds' medians.
    pub spread: (u64, u64),
    /// Median of the rounds' means: all cycles of a round divided by its exits, including timers and other
    /// tasks on the CPU.
    pub mean: u64,
}

/// All measurements.
pub struct Measured {
    /// The rows that were measured with each program.
    pub rows: Vec<Row>,
    /// Costs by program and row.
    costs: BTreeMap<(&'static str, &'static str), Cost>,
    /// How each row was started, in order.
    pub how: Vec<(&'static str, String)>,
}

impl Measured {
    /// Parses L1's report.
    ///
    /// # Errors
    ///
    /// Something is missing.
    pub fn parse(report: &Report, rows: &'static [Row]) -> Result<Self, String> {
        let section = |name: &str| {
            report
                .get(name)
                .ok_or_else(|| format!("no section {name:?}"))
        };
        let mut costs = BTreeMap::new();
        let mut how = Vec::new();
        for &(row, _) in rows {
            how.push((row, section(&format!("how {row}"))?.trim_end().to_owned()));
            for (program, _, _) in PROGRAMS {
                let name = format!("measured {program} {row}");
                let text = section(&name)?;
                let cost = cost(text).ok_or_else(|| format!("{name}: {text:?}"))?;
                costs.insert((program, row), cost);
            }
        }
        Ok(Self {
            rows: rows.to_vec(),
            costs,
            how,
        })
    }

    /// Adds rows that were measured separately.
    pub fn add(&mut self, other: Self) {
        self.rows.extend(other.rows);
        self.costs.extend(other.costs);
        self.how.extend(other.how);
    }

    /// Returns the cost of a program's exit.
    pub fn cost(&self, program: &str, row: &str) -> Option<Cost> {
        self.costs.get(&(program, row)).copied()
    }

    /// Returns the additional cost over an unpatched KVM.
    pub fn more(&self, program: &str, row: &str) -> Option<i64> {
        let (before, after) = (self.cost(program, "unpatched")?, self.cost(program, row)?);
        i64::try_from(after.median)
            .ok()?
            .checked_sub_unsigned(before.median)
    }
}

/// Parses the output of `bare --blind`, which has a line per round.
fn cost(text: &str) -> Option<Cost> {
    let values = |key: &str| -> Vec<u64> {
        let mut values: Vec<u64> = text
            .lines()
            .filter_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.parse().ok())
            .collect();
        values.sort_unstable();
        values
    };
    let (medians, means) = (values("median"), values("mean"));
    Some(Cost {
        median: *medians.get(medians.len() / 2)?,
        spread: (*medians.first()?, *medians.last()?),
        mean: *means.get(means.len() / 2)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> String {
        let mut text = String::new();
        for (number, &(row, _)) in ROWS.iter().enumerate() {
            text += &format!("@begin how {row}\nby hand\n@end how {row}\n");
            for (program, _, _) in PROGRAMS {
                text += &format!("@begin measured {program} {row}\n");
                for round in [30, 10, 20] {
                    let cost = 1000 * number + round;
                    text += &format!("least 1\nmedian {cost}\nmean {}\n", 2 * cost);
                }
                text += &format!("@end measured {program} {row}\n");
            }
        }
        text
    }

    #[test]
    fn rounds_are_summed_up_by_their_median() {
        let measured = Measured::parse(&Report::parse(&report()), ROWS).unwrap();
        assert_eq!(
            measured.cost("hlt", "exitstat"),
            Some(Cost {
                median: 2020,
                spread: (2010, 2030),
                mean: 4040
            })
        );
        assert_eq!(measured.more("hlt", "exitstat"), Some(2000));
        assert_eq!(measured.more("hlt", "unpatched"), Some(0));
        assert_eq!(measured.cost("hlt", "nobody"), None);
    }

    #[test]
    fn what_is_missing_is_named() {
        let text = report().replace("measured pio perf", "lost");
        let error = Measured::parse(&Report::parse(&text), ROWS).err().unwrap();
        assert!(error.contains("measured pio perf"), "{error}");
        let text = report()
            .replace("median 5010", "")
            .replace("median 5020", "");
        let text = text.replace("median 5030", "");
        assert!(Measured::parse(&Report::parse(&text), ROWS).is_err());
    }
}
