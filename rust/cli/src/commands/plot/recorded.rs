// SPDX-License-Identifier: GPL-2.0

//! A recording, prepared for pictures.

use crate::{
    cli::{PlotArgs, RowsArgs},
    error::Error,
    model::{Period, Scope},
    output::table::clock,
    source::recording::{self, Intervals, Metadata, Reader, Recording},
    view::{not_there, View},
    vm::wanted::{of_vm, scope, Wanted},
};
use exitstat_core::snapshot::Header;

/// Data to draw.
#[derive(Debug)]
pub struct Recorded {
    /// Subject and length, in words.
    pub of: String,
    /// Origin of the data, in words.
    pub about: String,
    /// Intervals between snapshots: the end in seconds since the first snapshot, and the counters.
    pub intervals: Vec<(f64, View)>,
    /// Marks, with seconds since the first snapshot.
    pub marks: Vec<(f64, String)>,
    /// The sum of all intervals.
    pub all: View,
    /// The same sum, with details.
    pub period: Period,
    /// The scope.
    pub scope: Scope,
    /// Whether the recording is complete and undamaged.
    pub whole: bool,
}

impl Recorded {
    /// Reads a recording to its end.
    ///
    /// # Errors
    ///
    /// The recording cannot be read, has a single snapshot, or has no exits of the scope; or a mark is
    /// after its end.
    pub fn open(args: &PlotArgs) -> Result<Self, Error> {
        let failed = |why| Error::Recording {
            path: args.file.clone(),
            why,
        };
        let mut recording = Intervals::new(Reader::open(&args.file)?).map_err(failed)?;
        let scope = match args.scope.vm.as_ref().map(Wanted::from) {
            // Names can be looked up only in the whole recording.
            Some(wanted) if wanted.number().is_none() => {
                let all = Recording::open(&args.file)?;
                scope(&args.scope, &all.period.counts)?
            }
            wanted => of_vm(&args.scope, wanted.and_then(|wanted| wanted.number())),
        };
        let rows = RowsArgs::default();
        let began = *recording.header();
        let (mut all, mut intervals): (Option<Period>, _) = (None, Vec::new());
        let mut end = 0.0;
        let mut marks = args.mark.clone();
        marks.extend(recording.marks().iter().map(|label| (end, label.clone())));
        while let Some(recording::Interval {
            period,
            marks: labels,
        }) = recording.next_interval().map_err(failed)?
        {
            let view = View::of_interval(&period, scope, &rows);
            end += view.seconds.unwrap_or(0.0);
            intervals.push((end, view));
            marks.extend(labels.into_iter().map(|label| (end, label)));
            match &mut all {
                Some(all) => all.extend(&period),
                None => all = Some(period),
            }
        }
        let warning = recording.reader().warning();
        if let Some(warning) = &warning {
            crate::say!("exitstat: {}: {warning}", args.file.display());
        }
        if let Some((at, label)) = args.mark.iter().find(|(at, _)| *at > end) {
            return Err(Error::Usage(format!(
                "--mark {at}={label} is after the end of the recording ({end:.3} s)"
            )));
        }
        let period = all.ok_or_else(|| {
            let file = args.file.display();
            Error::Incomplete(format!(
                "{file}: the recording has only one snapshot; a plot needs two"
            ))
        })?;
        let all = View::of(&period, scope, &rows).ok_or_else(|| not_there(scope))?;
        Ok(Self {
            of: format!("{}, {end:.1} s", all.title()),
            about: about(recording.reader().metadata(), &began, &all),
            intervals,
            marks,
            all,
            period,
            scope,
            whole: warning.is_none(),
        })
    }
}

/// Returns the host's name, if the recording has it, the time of the first snapshot, the kernel, and the
/// source of the counters.
fn about(metadata: &Metadata, began: &Header, all: &View) -> String {
    let kernel = Some(&metadata.kernel).filter(|kernel| !kernel.is_empty());
    let parts = [
        metadata.hostname.clone(),
        Some(clock(began.realtime)),
        kernel.map(|kernel| format!("Linux {kernel}")),
        all.counted_by.map(|by| format!("source: {by}")),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    let text = parts.join(" · ");
    // The file is untrusted.
    text.chars().filter(|c| !c.is_control()).collect()
}
