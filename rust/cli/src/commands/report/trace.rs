// SPDX-License-Identifier: GPL-2.0

//! Writer of Chrome's trace event format, which Perfetto reads: JSON, one event per line.

use crate::error::Error;
use serde::Serialize;
use serde_json::{Map, Value};
use std::io::Write;

/// Process and thread in the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Track {
    /// Number of the process.
    pub pid: u32,
    /// Number of the thread.
    pub tid: u32,
}

/// An event.
#[derive(Serialize)]
struct Event<'a> {
    /// Empty at the end of a slice.
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    ph: &'static str,
    pid: u32,
    tid: u32,
    /// Time in microseconds.
    ts: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<f64>,
    /// Scope of an instant event: the height of its line is that of its thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<&'static str>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    args: Map<String, Value>,
}

/// Writer of events, in chronological order.
#[derive(Debug)]
pub struct Trace<W> {
    out: W,
    events: u64,
}

impl<W: Write> Trace<W> {
    /// Begins a trace. `about` is metadata of the whole trace.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn new(mut out: W, about: &impl Serialize) -> Result<Self, Error> {
        let about = serde_json::to_string(about).map_err(failed)?;
        write!(
            out,
            "{{\"displayTimeUnit\":\"ms\",\"otherData\":{about},\"traceEvents\":["
        )?;
        Ok(Self { out, events: 0 })
    }

    /// Names a process.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn process(&mut self, pid: u32, name: &str) -> Result<(), Error> {
        self.metadata("process_name", Track { pid, tid: pid }, name)
    }

    /// Names a thread.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn thread(&mut self, track: Track, name: &str) -> Result<(), Error> {
        self.metadata("thread_name", track, name)
    }

    /// Begins a slice at a time in nanoseconds.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn begin(&mut self, track: Track, ns: u64, name: &str) -> Result<(), Error> {
        self.event(Event {
            name,
            ..event("B", track, ns)
        })
    }

    /// Ends the innermost slice of a thread.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn end(&mut self, track: Track, ns: u64) -> Result<(), Error> {
        self.event(event("E", track, ns))
    }

    /// Writes a whole slice.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn slice(
        &mut self,
        track: Track,
        (begin, end): (u64, u64),
        name: &str,
        args: Map<String, Value>,
    ) -> Result<(), Error> {
        self.event(Event {
            name,
            dur: Some(microseconds(end - begin)),
            args,
            ..event("X", track, begin)
        })
    }

    /// Writes an instant event.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn instant(&mut self, track: Track, ns: u64, name: &str) -> Result<(), Error> {
        self.event(Event {
            name,
            s: Some("t"),
            ..event("i", track, ns)
        })
    }

    /// Sets counters of a process, which keep their values until they are set again.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn counters(
        &mut self,
        pid: u32,
        ns: u64,
        name: &str,
        values: Map<String, Value>,
    ) -> Result<(), Error> {
        if values.is_empty() {
            return Ok(());
        }
        self.event(Event {
            name,
            args: values,
            ..event("C", Track { pid, tid: pid }, ns)
        })
    }

    /// Ends the trace.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn finish(mut self) -> Result<(), Error> {
        writeln!(self.out, "\n]}}")?;
        self.out.flush()?;
        Ok(())
    }

    fn metadata(&mut self, what: &str, track: Track, name: &str) -> Result<(), Error> {
        let args = Map::from_iter([("name".to_owned(), name.into())]);
        self.event(Event {
            name: what,
            args,
            ..event("M", track, 0)
        })
    }

    fn event(&mut self, event: Event<'_>) -> Result<(), Error> {
        let separator = if self.events == 0 { "\n" } else { ",\n" };
        let text = serde_json::to_string(&event).map_err(failed)?;
        write!(self.out, "{separator}{text}")?;
        self.events += 1;
        Ok(())
    }
}

fn event(ph: &'static str, track: Track, ns: u64) -> Event<'static> {
    Event {
        name: "",
        ph,
        pid: track.pid,
        tid: track.tid,
        ts: microseconds(ns),
        dur: None,
        s: None,
        args: Map::new(),
    }
}

fn microseconds(ns: u64) -> f64 {
    ns as f64 / 1e3
}

fn failed(error: serde_json::Error) -> Error {
    Error::Failed(format!("cannot write JSON: {error}"))
}
