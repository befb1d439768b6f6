// SPDX-License-Identifier: GPL-2.0

//! Rejects options that have no effect with the others: the user expects something else of them.
//!
//! clap's definitions reject options that exclude each other whatever their values are. The commands reject options
//! that need data which was not counted.

use super::{
    CaptureKind, Cli, Command, ExplainArgs, ExportArgs, Format, LiveArgs, LookArgs, PlotArgs,
    PlotKind, PrintArgs, RateOf, ReportArgs, RowsArgs, ScopeArgs, Sort, SourceKind, StatArgs,
};
use clap::ValueEnum;

impl Cli {
    /// Makes sure that every option has an effect.
    ///
    /// # Errors
    ///
    /// An option has none; the message says why.
    pub fn check(&self) -> Result<(), String> {
        match &self.command {
            None => {
                self.stat.check()?;
                self.stat.print.check()?;
                sort_and_scope(&self.stat.rows, &self.stat.print, &self.stat.scope)
            }
            Some(Command::Report(args)) => args.check(),
            Some(Command::Guest(args)) => match args.rows.sort {
                sort if needs_vcpus(sort) => Err(format!(
                    "{} is unavailable: guests can read exits and cycles only",
                    option("--sort", sort)
                )),
                _ => Ok(()),
            },
            Some(Command::Vms(args)) => rows(args.rows, args.format),
            Some(Command::Record(args)) => capture(args.capture, &args.live),
            Some(Command::Top(args)) => capture(args.capture, &args.source.live),
            Some(Command::Detail(args)) => {
                rows(args.rows, args.format)?;
                args.look.check()
            }
            Some(Command::Slow(args)) => {
                rows(args.rows, args.format)?;
                args.look.check()
            }
            Some(Command::Explain(args)) => args.check(),
            Some(Command::Export(args)) => args.check(),
            Some(Command::Plot(args)) => args.check(),
            _ => Ok(()),
        }
    }
}

impl StatArgs {
    fn check(&self) -> Result<(), String> {
        match (self.duration, self.interval) {
            (Some(duration), Some(interval)) if duration < interval => {
                Err("--for is shorter than INTERVAL, so no report would be printed".to_owned())
            }
            _ => Ok(()),
        }
    }
}

impl PrintArgs {
    fn check(&self) -> Result<(), String> {
        let why = match self {
            _ if self.format == Format::Table => return Ok(()),
            Self { time: true, .. } => {
                "--time applies to tables: JSON and CSV have cycles and tsc_khz"
            }
            Self { cycles: true, .. } => {
                "--cycles applies to tables: JSON and CSV always have cycles"
            }
            Self { nested: true, .. } => {
                "--nested applies to tables: JSON and CSV always have the exits of nested guests"
            }
            _ => return Ok(()),
        };
        Err(why.to_owned())
    }
}

impl ReportArgs {
    fn check(&self) -> Result<(), String> {
        let Some(print) = self.print.printed() else {
            return self.check_trace();
        };
        print.check()?;
        sort_and_scope(&self.rows, &print, &self.scope)
    }

    fn check_trace(&self) -> Result<(), String> {
        let idle = [
            ("--phase", self.phase.is_some()),
            ("--until", self.until.is_some()),
            ("--phases", self.phases),
            ("--all", self.rows.all),
            ("--sort", self.rows.sort != Sort::default()),
            ("--cycles", self.print.cycles),
            ("--time", self.print.time),
            ("--nested", self.print.nested),
        ];
        match idle.into_iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(format!(
                "{name} is unavailable with --format perfetto: a trace covers the whole recording, with all phases"
            )),
            None => Ok(()),
        }
    }
}

impl LookArgs {
    fn check(&self) -> Result<(), String> {
        capture(self.capture, &self.source.live)
    }
}

impl ExplainArgs {
    fn check(&self) -> Result<(), String> {
        let live = &self.look.source.live;
        if !self.look.is_asked_for() && (live.source.is_some() || live.is_of_bpf()) {
            return Err(
                "--source, --counts and the other counting options need -i: without it, explain counts nothing"
                    .to_owned(),
            );
        }
        if !self.look.is_asked_for() && self.vm.is_some() {
            return Err("--vm needs --from or -i: without them, explain reads no exits".to_owned());
        }
        self.look.check()
    }
}

impl ExportArgs {
    fn check(&self) -> Result<(), String> {
        if self.vm_histograms && self.source.live.counts {
            return Err("--vm-histograms needs times, but --counts counts exits only".to_owned());
        }
        match self.details {
            Some(_) => by_module("--details", &self.source.live),
            None => Ok(()),
        }
    }
}

impl PlotArgs {
    fn check(&self) -> Result<(), String> {
        let kind = option("--kind", self.kind);
        match self.kind {
            PlotKind::Rate | PlotKind::Totals if self.reason.is_some() => Err(format!(
                "--reason applies to --kind histogram and details; {kind} shows all reasons"
            )),
            PlotKind::Totals | PlotKind::Histogram | PlotKind::Details if !self.mark.is_empty() => {
                Err(format!(
                    "--mark applies to --kind rate; {kind} has no time axis"
                ))
            }
            PlotKind::Totals | PlotKind::Histogram | PlotKind::Details if self.of.is_some() => {
                Err(format!("--of applies to --kind rate, not to {kind}"))
            }
            PlotKind::Histogram | PlotKind::Details if self.scope.cpu.is_some() => Err(format!(
                "{kind} needs per-vCPU counters: use --vm instead of --cpu, or neither"
            )),
            _ if self.scope.cpu.is_some() => match self.of {
                Some(of @ (RateOf::Time | RateOf::UserTime)) => Err(format!(
                    "{} is unavailable with --cpu: CPUs count exits and kernel time only",
                    option("--of", of)
                )),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

/// An option with its value, as on the command line.
fn option(name: &str, value: impl ValueEnum) -> String {
    let value = value.to_possible_value();
    format!(
        "{name} {}",
        value.as_ref().map_or("", |value| value.get_name())
    )
}

/// Whether only vCPUs count what this order sorts by.
fn needs_vcpus(sort: Sort) -> bool {
    matches!(sort, Sort::UserCycles | Sort::P99 | Sort::Max | Sort::User)
}

fn sort_and_scope(rows: &RowsArgs, print: &PrintArgs, scope: &ScopeArgs) -> Result<(), String> {
    if scope.cpu.is_none() {
        return Ok(());
    }
    if needs_vcpus(rows.sort) {
        let sort = option("--sort", rows.sort);
        return Err(format!(
            "{sort} is unavailable with --cpu: CPUs count exits and cycles only"
        ));
    }
    match print.nested {
        true => {
            Err("--nested is unavailable with --cpu: CPUs count exits and cycles only".to_owned())
        }
        false => Ok(()),
    }
}

fn rows(rows: Option<usize>, format: Format) -> Result<(), String> {
    match (rows, format) {
        (None, _) | (_, Format::Table) => Ok(()),
        _ => Err("-n applies to tables: JSON and CSV have all rows".to_owned()),
    }
}

fn capture(what: Option<CaptureKind>, live: &LiveArgs) -> Result<(), String> {
    match what {
        Some(_) => by_module("--capture", live),
        None => Ok(()),
    }
}

fn by_module(option: &str, live: &LiveArgs) -> Result<(), String> {
    match live.wanted()? {
        Some(SourceKind::Bpf) => Err(format!("{option} needs the module, but BPF was requested")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    /// Returns the error of a command line, if it has one.
    fn why_not(words: &str) -> Option<String> {
        match Cli::try_parse_from(words.split_whitespace()) {
            Ok(cli) => cli.check().err(),
            Err(error) => Some(error.to_string()),
        }
    }

    #[test]
    fn what_would_do_nothing_is_an_error() {
        for (words, says) in [
            ("exitstat --time --format json", "--time"),
            ("exitstat 2 --for 1", "--for"),
            ("exitstat --for 1", "INTERVAL"),
            ("exitstat 1 5 --for 1", "--for"),
            ("exitstat -y", "INTERVAL"),
            ("exitstat 1 --cycles --format csv", "--cycles"),
            ("exitstat report x --nested --format json", "--nested"),
            ("exitstat report x --phases --nested", "--nested"),
            (
                "exitstat report x --format perfetto --phase a",
                "--phase is",
            ),
            ("exitstat report x --format perfetto --until a", "--until"),
            ("exitstat report x --format perfetto --phases", "--phases"),
            ("exitstat report x --format perfetto --all", "--all"),
            ("exitstat report x --format perfetto --sort exits", "--sort"),
            ("exitstat report x --format perfetto --time", "--time"),
            ("exitstat --cpu 1 --sort p99", "--sort p99"),
            ("exitstat report x --cpu 1 --sort user", "--sort user"),
            ("exitstat --cpu 1 --sort user-time", "--sort user-cycles"),
            ("exitstat --cpu 1 --nested", "--nested"),
            ("exitstat guest --sort max", "--sort max"),
            ("exitstat vms --from x -i 2", "--interval"),
            ("exitstat vms -n 2 --format csv", "-n"),
            ("exitstat record -o x --capture key --counts", "--capture"),
            ("exitstat record -o x --from y --source bpf", "--source"),
            ("exitstat top --capture key --source bpf", "--capture"),
            ("exitstat detail --capture key -i 1 --pin", "--capture"),
            ("exitstat slow --from x -n 5 --format csv", "-n"),
            ("exitstat detail --from x -n 5 --format json", "-n"),
            ("exitstat explain HLT --counts", "-i"),
            ("exitstat explain --source device", "-i"),
            ("exitstat explain --capture key", "--interval"),
            ("exitstat explain HLT --vm 1", "--vm"),
            ("exitstat export --details 5 --off-cpu", "--details"),
            (
                "exitstat export --vm-histograms --counts",
                "--vm-histograms",
            ),
            ("exitstat export --vm-histograms --no-vms", "--no-vms"),
            (
                "exitstat export --vm-histograms --no-histograms",
                "--no-histograms",
            ),
            ("exitstat plot x -o y.svg --reason HLT", "--reason"),
            (
                "exitstat plot x -o y.svg --kind totals --reason HLT",
                "--reason",
            ),
            (
                "exitstat plot x -o y.svg --kind totals --mark 1=a",
                "--mark",
            ),
            (
                "exitstat plot x -o y.svg --kind details --mark 1=a",
                "--mark",
            ),
            ("exitstat plot x -o y.svg --kind details --cpu 1", "--vm"),
            (
                "exitstat plot x -o y.svg --kind totals --of user-time",
                "--of",
            ),
            ("exitstat plot x -o y.svg --of time --cpu 1", "--of time"),
            ("exitstat plot x -o y.svg --size 799x400", "800x400"),
            ("exitstat plot x -o y.svg --size 900x3001", "4000x3000"),
        ] {
            let why = why_not(words).unwrap_or_default();
            assert!(why.contains(says), "{words}: {why:?}");
        }
    }

    #[test]
    fn what_does_something_is_taken() {
        for words in [
            "exitstat --time",
            "exitstat 1 --format json",
            "exitstat report x --nested --sort p99",
            "exitstat report x --phases --time",
            "exitstat report x --format perfetto --vm 1 --reason HLT",
            "exitstat --cpu 1 --sort avg --time",
            "exitstat --cpu 1 --sort time",
            "exitstat guest --sort avg --format csv",
            "exitstat vms --from x",
            "exitstat vms -i 2",
            "exitstat record -o x --capture key --source device",
            "exitstat top --from x",
            "exitstat detail --from x -n 5",
            "exitstat slow --from x --format csv",
            "exitstat explain HLT -i 1 --source device",
            "exitstat explain --capture key -i 1",
            "exitstat explain HLT --from x --vm 1",
            "exitstat export --details 5",
            "exitstat plot x -o y.svg --mark 1=a --cpu 1",
            "exitstat plot x -o y.svg --of kernel-time --cpu 1",
            "exitstat plot x -o y.svg --kind totals --size 4000x3000 --theme dark",
            "exitstat plot x -o y.svg --kind histogram --reason HLT",
            "exitstat plot x -o y.svg --kind details --reason HLT --vm 1",
        ] {
            assert_eq!(why_not(words), None, "{words}");
        }
    }
}
